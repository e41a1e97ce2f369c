//! Calls that public collections of hostile pickles make: refused by the name of the callable.

use crate::written::Written;
use crate::{read, refused};

/// Module and name, as an attack would write them.
const CALLABLES: &[(&str, &str)] = &[
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("os", "popen"),
    ("os", "execve"),
    ("subprocess", "run"),
    ("subprocess", "Popen"),
    ("subprocess", "check_output"),
    ("pty", "spawn"),
    ("builtins", "exec"),
    ("builtins", "eval"),
    ("builtins", "compile"),
    ("builtins", "getattr"),
    ("builtins", "setattr"),
    ("builtins", "open"),
    ("builtins", "__import__"),
    ("__builtin__", "apply"),
    ("__builtin__", "eval"),
    ("runpy", "_run_code"),
    ("code", "InteractiveInterpreter.runcode"),
    ("types", "CodeType"),
    ("types", "FunctionType"),
    ("ctypes", "CDLL"),
    ("importlib", "import_module"),
    ("pkgutil", "resolve_name"),
    ("pydoc", "locate"),
    ("pydoc", "pipepager"),
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("_operator", "attrgetter"),
    ("pickle", "loads"),
    ("_pickle", "loads"),
    ("marshal", "loads"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("dill._dill", "_create_function"),
    ("joblib.numpy_pickle", "load"),
    ("pip", "main"),
    ("ensurepip", "_run_pip"),
    ("venv", "create"),
    ("timeit", "timeit"),
    ("profile", "run"),
    ("cProfile", "run"),
    ("trace", "Trace.run"),
    ("bdb", "Bdb.run"),
    ("pdb", "run"),
    ("doctest", "debug_script"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("imaplib", "IMAP4_stream"),
    ("uuid", "_get_command_stdout"),
    ("_osx_support", "_read_output"),
    ("_aix_support", "_read_cmd_output"),
    ("_pyrepl.pager", "pipe_pager"),
    ("_io", "FileIO"),
    ("io", "open"),
    ("logging", "FileHandler"),
    ("logging.config", "_resolve"),
    ("distutils.file_util", "write_file"),
    ("shutil", "rmtree"),
    ("socket", "create_connection"),
    ("urllib.request", "urlopen"),
    ("requests.api", "get"),
    ("ssl", "get_server_certificate"),
    ("webbrowser", "open"),
    ("aiohttp.client", "ClientSession"),
    ("idlelib.run", "Executive.runcode"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.crackfortran", "getlincoef"),
    ("numpy", "load"),
    ("numpy.core.multiarray", "fromfile"),
    ("torch.jit.unsupported_tensor_ops", "execWrapper"),
    ("torch.serialization", "load"),
    ("torch.utils.collect_env", "run"),
    ("torch._inductor.codecache", "compile_file"),
    ("torch.fx.experimental.symbolic_shapes", "evaluate_guards_expression"),
    ("sys", "exit"),
    ("sys", "modules"),
    ("sklearn.datasets", "load_files"),
    ("xgboost.core", "_load_lib"),
    ("site", "main"),
    ("threading", "Thread"),
];

#[test]
fn every_callable_is_refused_by_name_and_place_however_it_is_written() {
    assert!(CALLABLES.len() >= 60);
    for (module, name) in CALLABLES {
        let dotted = format!("{module}.{name}");
        // In old files the name comes first.
        let old = Written::default().global(module, name).raw(b"(Vtouch /tmp/canary\ntR").stop();
        let said = refused(&dotted, &old);
        assert!(said.starts_with("byte 0: ") && said.contains(&format!("`{dotted}`")), "{said}");
        // In new ones two texts, whose place differs from that of the opcode.
        let new = Written::protocol(4).stack_global(module, name).text("touch /tmp/canary");
        let new = new.raw(&[0x85, b'R']).stop();
        let at = 2 + 2 + module.len() + 2 + name.len();
        let said = refused(&dotted, &new);
        assert!(said.starts_with(&format!("byte {at}: ")) && said.contains(&dotted), "{said}");
        // As a class that is to be made, and as a bare value.
        let made = Written::protocol(2).global(module, name).raw(b")\x81").stop();
        assert!(refused(&dotted, &made).contains(&dotted));
        assert!(
            refused(&dotted, &Written::protocol(2).global(module, name).stop()).contains(&dotted)
        );
    }
}

#[test]
fn a_listed_name_is_no_door_to_another() {
    // Attributes of attributes, as Python resolves names with dots from protocol 4 on.
    for (module, name) in [
        ("numpy", "prod.os.system"),
        ("numpy", "core.multiarray._reconstruct"),
        ("numpy", "ndarray.tofile"),
        ("sklearn.pipeline", "Pipeline.__init__"),
        ("sklearn.pipeline", "Pipeline.__init__.__globals__"),
        ("collections", "OrderedDict.__reduce__"),
        ("_codecs", "encode.__self__"),
        ("builtins", "list.__class__"),
        ("", "numpy.ndarray"),
        ("numpy.ndarray", ""),
        ("numpy ", "ndarray"),
        ("numpy", "ndarray\0"),
        ("Numpy", "ndarray"),
        ("nump\u{443}", "ndarray"),
    ] {
        let content = Written::protocol(4).stack_global(module, name).stop();
        let said = refused(name, &content);
        assert!(said.contains("is none that models are made of"), "{said}");
        assert!(!said.contains('\0'), "{said}");
    }
}

#[test]
fn names_that_stand_as_values_are_not_called() {
    let content = Written::protocol(2).global("numpy", "ndarray").raw(b")R").stop();
    assert!(refused("ndarray", &content).contains("`numpy.ndarray` may be named but not called"));
    // Partial functions are read around one harmless function alone.
    for inner in [("builtins", "list"), ("_codecs", "encode"), ("collections", "OrderedDict")] {
        let content = Written::protocol(4).global("functools", "partial");
        let content = content.global(inner.0, inner.1).raw(&[0x85, b'R']).stop();
        let said = refused("partial", &content);
        assert!(said.contains("`functools.partial` may be named but not called"), "{said}");
    }
    let content = Written::protocol(4).global("functools", "partial");
    let content = content.global("sklearn.utils.validation", "check_array");
    assert!(read(&content.raw(&[0x85, b'R']).stop()).is_ok());
}

#[test]
fn what_a_listed_class_is_called_with_is_looked_at_too() {
    // A call among the arguments of a harmless call, in its state, and as a key.
    let inner = Written::default().global("os", "system").raw(b"Vid\n\x85R").0;
    for (before, after) in [
        (&b"\x80\x02csklearn.pipeline\nPipeline\n"[..], &b"\x85\x81."[..]),
        (b"\x80\x02csklearn.pipeline\nPipeline\n)\x81", b"b."),
        (b"\x80\x02}", b"Nsb."),
        (b"\x80\x02ccollections\nOrderedDict\n)R(", b"Nu."),
        (b"\x80\x04\x8f(", b"\x90."),
    ] {
        let content = [before, &inner, after].concat();
        let said = refused("inner", &content);
        let at = before.len();
        assert!(said.starts_with(&format!("byte {at}: ")) && said.contains("os.system"), "{said}");
    }
}

/// The proof that nothing ran: a payload that Python would obey leaves nothing behind.
#[test]
fn a_canary_survives_every_payload() {
    let canary = std::env::temp_dir().join(format!("pickle-canary-{}", std::process::id()));
    let command = format!("touch {}", canary.display());
    let program = format!("open({:?}, 'w').close()", canary.display().to_string());
    let long = |text: &str| {
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        [&b"X"[..], &length, text.as_bytes()].concat()
    };
    for (module, name, argument) in [
        ("os", "system", &command),
        ("posix", "system", &command),
        ("subprocess", "getoutput", &command),
        ("builtins", "exec", &program),
        ("__builtin__", "eval", &program),
    ] {
        let content = Written::protocol(2).global(module, name).raw(&long(argument));
        let content = content.raw(&[0x85, b'R']).stop();
        refused(name, &content);
        // The same among the bytes of an array, where it is data and stays data.
        let nested = Written::protocol(3).raw(b"C").raw(&[u8::try_from(content.len()).unwrap()]);
        assert!(read(&nested.raw(&content).stop()).is_ok());
    }
    assert!(!canary.exists(), "something ran and made {}", canary.display());
}
