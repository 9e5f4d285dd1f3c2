"""Java objects as scripts see them.

jpy alone leaves traps for scripts: characters beyond U+FFFF are cut in half, a dict or a list is no Map or Collection,
a Python class cannot implement a Java interface (deriving from one crashes the JVM), every Java exception is a
RuntimeError. So scripts see Java classes and objects through the classes that this module makes, one for each Java
class, made when it is first met.
"""

import re
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import jpy

from idemflow_engine import containers

jpy.VerboseExceptions.enabled = True  # the whole chain of causes, for the log

# Each level of Java calling Python calling Java takes some kilobytes of a stack of 1 MB.
_NESTED_CALLS = 20

_java = jpy.get_type("io.idemflow.python.JavaBridge")
_array_list = jpy.get_type("java.util.ArrayList")
_hash_map = jpy.get_type("java.util.LinkedHashMap")
_runtime_exception = jpy.get_type("java.lang.RuntimeException")
_call_error = jpy.get_type("io.idemflow.python.PythonCallError")

_CALL_ERROR = "io.idemflow.python.PythonCallError"
_NO_OVERLOAD = ("no matching Java method overloads found", "ambiguous Java method call")
_THROWABLE = re.compile(r"((?:[a-z_]\w*\.)+[A-Z][\w$]*)(?:: (.*))?", re.DOTALL)
_FRAMES = re.compile(r"\n\tat |\nCaused by: ")

# By jpy's type: the class that scripts see.
_made: dict[type, "JavaClass"] = {}
# Those of them whose objects become plain instances (no exceptions, no proxies), and the same as a set.
_classes: dict[type, "JavaClass"] = {}
_instantiated: set[type] = set()
# By type: how a value becomes what scripts see, where no class does it.
_converters: dict[type, Callable[[Any], Any]] = {}
_classes_lock = threading.RLock()
# By thread: the exception of a Python method that Java called, on its way through Java.
_raised: dict[int, BaseException] = {}
# By thread: how many calls from Java to Python are inside each other.
_depth: dict[int, int] = {}


class JavaClass(type):
    """A Java class; classes that scripts derive from a Java interface are of this type as well."""

    _type: Any
    _own: bool

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "JavaClass":
        if "_type" not in namespace:
            for base in bases:
                if isinstance(base, JavaClass) and base is not JavaObject and not base._derivable():
                    raise TypeError(
                        f"class {name} cannot derive from the Java class {base.__name__}: "
                        "Python classes can implement Java interfaces only"
                    )
        return super().__new__(mcs, name, bases, namespace, **options)

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if "_type" not in cls.__dict__ or issubclass(cls, JavaThrowable):
            return super().__call__(*args, **options)
        if cls._interface:
            raise TypeError(f"{cls.__qualname__} is a Java interface: derive a class from it")
        return from_java(_call(cls._type, args, cls.__name__))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _class_attribute(cls, name)

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        java = getattr(instance, "_java", None)
        if java is None or "_type" not in cls.__dict__:
            return False
        return bool(_java.isInstance(cls._type, java))

    def __repr__(cls) -> str:
        return f"<Java class {cls.__module__}.{cls.__qualname__}>"

    def _derivable(cls) -> bool:
        return "_type" not in cls.__dict__ or bool(cls._interface) or issubclass(cls, JavaThrowable)


class _Members:
    """What every Java object can do in Python."""

    __slots__ = ()
    _java: Any

    def __getattr__(self, name: str) -> Any:
        # Methods come here once for each class, then they are attributes of the class.
        if name.startswith("_"):
            raise AttributeError(name)
        return _attribute(self, name)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Members):
            return bool(to_java(self) == to_java(other))
        return NotImplemented

    def __hash__(self) -> int:
        return int(_java.hash(to_java(self)))


class JavaObject(_Members, metaclass=JavaClass):
    """A Java object."""

    __slots__ = ("_java",)

    def __str__(self) -> str:
        return _text(str(self._java))

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} {self}>"


class JavaThrowable(_Members, Exception, metaclass=JavaClass):
    """A Java exception, to raise and to catch."""

    _java_name = "java.lang.Throwable"

    def getMessage(self) -> str | None:  # noqa: N802
        """The message, as Java has it."""
        return str(self.args[0]) if self.args else None

    def toString(self) -> str:  # noqa: N802
        """Class and message, as Java has it."""
        message = self.getMessage()
        return self._java_name if message is None else f"{self._java_name}: {message}"


class JavaString(str):
    """A java.lang.String that a script made with `String(...)`: a str that has Java's methods too."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        method = getattr(_string(text_to_java(self)), name)
        return lambda *args: from_java(_call(method, args, name))


_string = jpy.get_type("java.lang.String")


def find_class(name: str) -> Any:
    """The Java class of this full name as scripts see it; None where there is none."""
    if name == "java.lang.String":
        return JavaStringClass
    if _java.emptyArray(name) is None:
        return None
    return _class_of(jpy.types[name])


def from_java(value: Any) -> Any:
    """What a script sees of a value that jpy gave."""
    kind = type(value)
    made = _classes.get(kind)
    if made is None:
        if kind is str:
            return value if value.isascii() else _text(value)
        converter = _converters.get(kind)
        if converter is not None:
            return converter(value)
        made = _meet(kind)
        if made is None:
            return _converters[kind](value)
    wrapped = _new(made)
    wrapped._java = value
    return wrapped


def to_java(value: Any) -> Any:
    """What to give jpy for a value of a script."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else text_to_java(value)
    if kind in _PLAIN:
        return value
    if kind in _instantiated:
        return value._java
    if isinstance(value, _Members):
        try:
            return value._java
        except AttributeError:
            return _implement(value)
    if isinstance(value, str):
        return text_to_java(value)
    if isinstance(value, JavaClass):
        return _java.identity(value._type)
    if isinstance(value, Mapping):
        converted = _hash_map()
        for key, item in value.items():
            converted.put(_element(key), _element(item))
        return converted
    if isinstance(value, list | tuple | AbstractSet | Iterator | range):
        converted = _array_list()
        for item in value:
            converted.add(_element(item))
        return converted
    if isinstance(value, BaseException):
        return _runtime_exception(text_to_java(summary(value)))
    return value


def text_to_java(text: str) -> str:
    """Split characters beyond U+FFFF in two, as Java has them; jpy would cut them off."""
    if text.isascii() or max(text) <= "\uffff":
        return str(text)
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    return "".join(map(chr, units))


def summary(error: BaseException) -> str:
    """Type and message of an exception, in one line."""
    if isinstance(error, JavaThrowable):
        lines = error.toString().splitlines()
    else:
        lines = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
        if isinstance(error, SyntaxError):
            lines = lines[-1:]
    return lines[0] if lines else type(error).__name__


def call(target: Any, method: str, arguments: Any) -> Any:
    """Call a method of a Python object for Java; gives a PythonCallError when it raises."""
    thread = threading.get_ident()
    depth = _depth.get(thread, 0)
    try:
        if depth >= _NESTED_CALLS:
            raise RecursionError("too many calls between Java and Python inside each other")
        if not implementing(target, method):
            raise NotImplementedError(f"class {type(target).__name__} has no method {method}")
        _depth[thread] = depth + 1
        function = getattr(target, method)
        return to_java(function(*[from_java(argument) for argument in arguments]))
    except BaseException as error:
        _raised[thread] = error
        return _call_error(text_to_java(summary(error)))
    finally:
        if depth:
            _depth[thread] = depth
        else:
            _depth.pop(thread, None)


def implementing(target: Any, method: str) -> bool:
    """Whether the script's own class has this method, rather than the Java interface that it derives from."""
    return method in getattr(target, "__dict__", ()) or any(
        method in cls.__dict__
        for cls in type(target).__mro__
        if not ("_type" in cls.__dict__ or cls in _GIVEN)
    )


def forget_error() -> None:
    """Drop what Java kept from coming back to this thread's script."""
    _raised.pop(threading.get_ident(), None)


_PLAIN = frozenset({int, float, bool, type(None), bytes, bytearray, memoryview})
_converters.update(dict.fromkeys(_PLAIN, lambda value: value))


def _element(value: Any) -> Any:
    """A value for a Java collection, where jpy does not know that bytes are a byte[]."""
    if isinstance(value, bytes | bytearray):
        return jpy.array("byte", list(memoryview(value).cast("b")))
    return to_java(value)


def _text(text: str) -> str:
    """Join the halves of characters beyond U+FFFF."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _meet(kind: type) -> "JavaClass | None":
    """The class for a type that is met for the first time; None where a converter does instead."""
    if not issubclass(kind, jpy.JType):
        _converters[kind] = _as_it_is  # a Python object that Java gives back
        return None
    name = _java_name(kind)
    if name.startswith("["):
        _converters[kind] = _as_it_is if len(name) == 2 else _from_array
        return None
    if "$Proxy" in name:
        _converters[kind] = _from_proxy
        return None
    made = _class_of(kind)
    if issubclass(made, JavaThrowable):
        _converters[kind] = _from_throwable
        return None
    _instantiated.add(made)
    _classes[kind] = made
    return made


def _as_it_is(value: Any) -> Any:
    return value


def _from_array(array: Any) -> list[Any]:
    return [from_java(item) for item in array]


def _from_proxy(value: Any) -> Any:
    # Any of Java's dynamic proxies may be a Python object in truth.
    target = _java.implementation(value)
    if target is not None:
        return target
    wrapped = _new(_class_of(type(value)))
    wrapped._java = value
    return wrapped


def _from_throwable(value: Any) -> Any:
    message = from_java(value.getMessage())
    error = _class_of(type(value))(*(() if message is None else (message,)))
    error._java = value
    return error


def _class_of(java_type: Any) -> "JavaClass":
    made = _made.get(java_type)
    if made is None:
        with _classes_lock:
            made = _made.get(java_type)
            if made is None:
                made = _made[java_type] = _make_class(java_type)
    return made


def _make_class(java_type: Any) -> "JavaClass":
    # jpy fills in a type's methods when an attribute of an instance is asked for; this one is empty.
    getattr(java_type.__new__(java_type), "class_", None)
    traits = _java.traits(java_type).split()
    base = java_type.__base__
    bases: tuple[type, ...]
    if "Throwable" in traits:
        parent = _class_of(base) if issubclass(base, _throwable) else JavaThrowable
        bases = (parent,)
    else:
        bases = (*containers.mixins(traits), JavaObject)
    java_name = _java_name(java_type)
    package, _, name = java_name.rpartition(".")
    return JavaClass(
        name,
        bases,
        {
            "__slots__": (),
            "__module__": package,
            "__qualname__": name.replace("$", "."),
            "_type": java_type,
            "_interface": _java.isInterface(java_type),
            "_java_name": java_name,
        },
    )


def _java_name(java_type: type) -> str:
    module = java_type.__module__
    return java_type.__name__ if module == "builtins" else f"{module}.{java_type.__name__}"


def _class_attribute(cls: Any, name: str) -> Any:
    """A static method, a constant or a nested class; also a method to call with the object first."""
    java_type = cls._type
    member = getattr(java_type, name, None)
    if callable(member) and not isinstance(member, type):
        function = _function(member, name)
        setattr(_owner(cls), name, function)
        return getattr(cls, name)
    if member is not None:
        return from_java(member)
    if name == "class_":
        return from_java(_java.identity(java_type))
    nested = find_class(f"{cls._java_name}${name}")
    if nested is None:
        raise AttributeError(f"Java class {cls._java_name} has no public member {name}")
    return nested


def _owner(cls: Any) -> Any:
    """The class among a class's bases that stands for the Java class itself."""
    return next(base for base in cls.__mro__ if "_type" in base.__dict__)


def _attribute(instance: Any, name: str) -> Any:
    owner = _owner(type(instance))
    member = getattr(owner._type, name, None)
    if member is not None and callable(member):
        setattr(owner, name, _function(member, name))
        return getattr(instance, name)
    java = to_java(instance)
    try:
        return from_java(getattr(java, name))
    except AttributeError:
        pass
    # A type that Java declared; the object may be more than that.
    actual = _java.identity(java)
    if type(actual) is not owner._type and issubclass(type(actual), jpy.JType):
        wider = from_java(actual)
        if isinstance(wider, _Members):
            return getattr(wider, name)
    return _property(instance, owner, name)


def _property(instance: Any, owner: Any, name: str) -> Any:
    """`flowFile.size` for `flowFile.getSize()`, as in Jython."""
    for prefix in ("get", "is"):
        getter = getattr(owner._type, f"{prefix}{name[:1].upper()}{name[1:]}", None)
        if getter is not None:
            return from_java(_call(getter, (instance,), name))
    raise AttributeError(f"Java class {owner._java_name} has no public member {name}")


def _function(overloads: Any, name: str) -> Callable[..., Any]:
    """A Python function for the Java methods of one name; the object is the first argument."""

    def method(*args: Any) -> Any:
        # What to_java and from_java do, unrolled for the usual types: this is called for every FlowFile.
        converted = []
        for arg in args:
            kind = type(arg)
            if kind in _instantiated:
                converted.append(arg._java)
            elif kind is str and arg.isascii():
                converted.append(arg)
            else:
                converted.append(to_java(arg))
        try:
            value = overloads(*converted)
        except RuntimeError as error:
            value = _again(overloads, args, name, error)
        if value is None:
            return None
        made = _classes.get(type(value))
        if made is None:
            return from_java(value)
        wrapped = _new(made)
        wrapped._java = value
        return wrapped

    method.__name__ = method.__qualname__ = name
    return method


def _call(overloads: Any, args: tuple[Any, ...], name: str) -> Any:
    try:
        return overloads(*[to_java(arg) for arg in args])
    except RuntimeError as error:
        return _again(overloads, args, name, error)


def _again(overloads: Any, args: tuple[Any, ...], name: str, error: RuntimeError) -> Any:
    """Try a failed call in the other ways that the arguments can be meant; raise what is really wrong."""
    message = str(error)
    if not message.startswith(_NO_OVERLOAD):
        raise _python_error(message) from None
    if any(isinstance(arg, list | tuple) for arg in args):
        # A list is a Collection first, but the method may want an array.
        sequences = [
            [to_java(item) for item in arg] if isinstance(arg, list | tuple) else to_java(arg)
            for arg in args
        ]
        try:
            return overloads(*sequences)
        except RuntimeError as other:
            message = str(other)
            if not message.startswith(_NO_OVERLOAD):
                raise _python_error(message) from None
    types = ", ".join(type(arg).__name__ for arg in args)
    raise TypeError(f"Java method {name} does not take these arguments: {types}") from None


def _python_error(message: str) -> BaseException:
    """The exception to raise for what jpy says of a Java exception."""
    if _CALL_ERROR in message:
        raised = _raised.pop(threading.get_ident(), None)
        if raised is not None:
            return raised
    text, *frames = _FRAMES.split(message, maxsplit=1)
    match = _THROWABLE.fullmatch(text.strip())
    found = find_class(match[1]) if match is not None else None
    if match is None or found is None or not issubclass(found, JavaThrowable):
        return RuntimeError(text)
    error: BaseException = found(*(() if match[2] is None else (_text(match[2]),)))
    if frames:
        error.add_note("\tat " + frames[0].rstrip())
    return error


def _implement(instance: Any) -> Any:
    """A Java object for an instance of a script's class.

    The instance does not keep it: neither Java nor Python could ever collect such a ring.
    """
    if isinstance(instance, JavaThrowable):
        java = _call(_owner(type(instance))._type, instance.args, type(instance).__name__)
    else:
        types = [
            base._type
            for base in type(instance).__mro__
            if "_type" in base.__dict__ and base._interface
        ]
        java = _java.implement(instance, types)
    return java


class _StringClass(JavaClass):
    """`String` of java.lang: makes str objects that have Java's methods."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        return JavaString(_text(str(_call(_string, args, "String"))))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, str)


_GIVEN = frozenset({object, _Members, JavaObject, JavaThrowable, BaseException, Exception})
_new = object.__new__
_throwable = jpy.get_type("java.lang.Throwable")
JavaStringClass = _StringClass(
    "String",
    (JavaObject,),
    {
        "__slots__": (),
        "__module__": "java.lang",
        "_type": _string,
        "_interface": False,
        "_java_name": "java.lang.String",
    },
)
