"""From checked columns to a fitted density: a spec in, a result out."""
