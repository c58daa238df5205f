# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes modules of Xpra at the moment that Xpra loads them."""

import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any


class _Watch(MetaPathFinder):
    """Sees a module being loaded; loading it earlier than Xpra does would change the order of Xpra's own start."""

    def __init__(self, name: str, replace: Callable[[Any], None]) -> None:
        self._name = name
        self._replace = replace

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader = spec.loader if spec else None
        if spec is None or loader is None:
            return None
        load = loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            self._replace(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def when_loaded(name: str, replace: Callable[[Any], None]) -> None:
    """Has a module handed to `replace` right after it was loaded. To be called before Xpra's program runs; an Xpra without that
    module is left as it is."""
    sys.meta_path.insert(0, _Watch(name, replace))
