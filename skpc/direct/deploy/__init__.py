"""Integer weights in a few bits each, for prediction by integers on small devices."""

from .class_consistency import check_class_header
from .consistency import check_header
from .packed import KIND, VERSION, PackedEnsemble
from .packed_classes import CLASS_KIND, CLASS_VERSION, PackedClassifier
from .packing import pack
from .packing_classes import pack_classes

__all__ = [
    "CLASS_KIND",
    "CLASS_VERSION",
    "KIND",
    "VERSION",
    "PackedClassifier",
    "PackedEnsemble",
    "check_class_header",
    "check_header",
    "pack",
    "pack_classes",
]
