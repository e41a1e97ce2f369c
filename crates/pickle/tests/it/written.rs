//! Opcodes written one after the other: what an attacker does, and what `pickle.dump` does.

/// Content that grows opcode by opcode.
#[derive(Clone, Default)]
pub(crate) struct Written(pub(crate) Vec<u8>);

impl Written {
    pub(crate) fn protocol(number: u8) -> Written {
        Written(vec![0x80, number])
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Written {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Written {
        let length = u8::try_from(text.len()).unwrap();
        self.raw(&[0x8c, length]).raw(text.as_bytes())
    }

    /// `GLOBAL`: the name in two lines.
    pub(crate) fn global(self, module: &str, name: &str) -> Written {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    /// `STACK_GLOBAL`: the name as two texts.
    pub(crate) fn stack_global(self, module: &str, name: &str) -> Written {
        self.text(module).text(name).raw(&[0x93])
    }

    pub(crate) fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }
}
