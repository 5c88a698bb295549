"""The torch device of a name, such as "auto"."""

import torch


def choose_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        If torch does not know the name or has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device is {device!r}; 'auto', 'cpu' and the devices of this build of torch are "
            f"accepted ({str(error).splitlines()[0]})"
        ) from None
    return chosen
