"""Modules that are called as the class of their name, and survive being deleted."""

import sys

# As type checkers know it; the interpreter has it without importing `types`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
else:
    ModuleType = type(sys)


class _ClassModule(ModuleType):
    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._class(*args, **kwargs)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._class)

    @property
    def _class(self) -> type:
        found: type = getattr(self, self.__name__.rpartition(".")[2])
        return found


def callable_module(names: dict[str, object]) -> None:
    """Let a module be called, and asked about by `isinstance`, as the class in it.

    Args:
        names: The `globals()` of the module. The class has the last part of its name.
    """
    keep_module(names).__class__ = _ClassModule


def keep_module(names: dict[str, object]) -> ModuleType:
    """Put a module back that another thread deleted while it was imported.

    Python's import fails otherwise. It is the last thing that a module does.

    Args:
        names: The `globals()` of the module.
    """
    name = str(names["__name__"])
    module = sys.modules.get(name)
    if module is None or vars(module) is not names:
        import gc

        found = (it for it in gc.get_referrers(names) if isinstance(it, ModuleType))
        module = next(found)
    sys.modules.setdefault(name, module)
    return module
