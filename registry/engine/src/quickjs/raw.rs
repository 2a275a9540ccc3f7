//! What the QuickJS binding has no safe function for; the only file with `unsafe`.
#![expect(
    unsafe_code,
    reason = "script bytecode and typed-array bytes have no safe API in rquickjs"
)]

use std::{ffi::CString, fmt, sync::Arc};

use rquickjs::{Ctx, TypedArray, Value, qjs};

/// Compiled script, shared by all engine threads.
///
/// Only [`compile`] makes one: QuickJS does not validate bytecode, so bytes from anywhere else
/// could corrupt memory.
#[derive(Clone)]
pub(crate) struct Bytecode(Arc<[u8]>);

impl fmt::Debug for Bytecode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bytecode({} bytes)", self.0.len())
    }
}

/// Whether functions keep their source text, which `Function.prototype.toString` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceText {
    Kept,
    Stripped,
}

/// Compiles a classic script without running it.
///
/// # Errors
///
/// The pending exception: a syntax error, or out of memory.
pub(super) fn compile(
    ctx: &Ctx<'_>,
    origin: &str,
    source: &str,
    text: SourceText,
) -> rquickjs::Result<Bytecode> {
    let origin = CString::new(origin)?;
    let length = source.len();
    let mut terminated = Vec::with_capacity(length + 1);
    terminated.extend_from_slice(source.as_bytes());
    terminated.push(0);
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    // SAFETY: the context is alive and entered; the source is `length` bytes followed by NUL, as
    // JS_Eval asks; both strings outlive the call.
    let function = unsafe {
        let value = qjs::JS_Eval(
            ctx.as_raw().as_ptr(),
            terminated.as_ptr().cast(),
            length as qjs::size_t,
            origin.as_ptr(),
            flags.cast_signed(),
        );
        owned(ctx, value)?
    };
    let mut flags = qjs::JS_WRITE_OBJ_BYTECODE;
    if text == SourceText::Stripped {
        flags |= qjs::JS_WRITE_OBJ_STRIP_SOURCE;
    }
    let mut size: qjs::size_t = 0;
    // SAFETY: `function` is the live value that was compiled above; the buffer that comes back is
    // `size` bytes, ours, and freed with the allocator of the same context after it was copied.
    unsafe {
        let raw = ctx.as_raw().as_ptr();
        let buffer =
            qjs::JS_WriteObject(raw, &raw mut size, function.as_raw(), flags.cast_signed());
        if buffer.is_null() {
            return Err(rquickjs::Error::Exception);
        }
        let bytes = std::slice::from_raw_parts(buffer, usize::try_from(size).unwrap_or(0)).into();
        qjs::js_free(raw, buffer.cast());
        Ok(Bytecode(bytes))
    }
}

/// Runs a compiled script in the realm of `ctx` and answers its completion value.
///
/// # Errors
///
/// The pending exception.
pub(super) fn run<'js>(ctx: &Ctx<'js>, bytecode: &Bytecode) -> rquickjs::Result<Value<'js>> {
    // SAFETY: the bytes were written by `compile` in this process by the same engine; JS_ReadObject
    // copies what it keeps; JS_EvalFunction consumes the function value.
    unsafe {
        let raw = ctx.as_raw().as_ptr();
        let function = qjs::JS_ReadObject(
            raw,
            bytecode.0.as_ptr(),
            bytecode.0.len() as qjs::size_t,
            qjs::JS_READ_OBJ_BYTECODE.cast_signed(),
        );
        if qjs::JS_IsException(function) {
            return Err(rquickjs::Error::Exception);
        }
        owned(ctx, qjs::JS_EvalFunction(raw, function))
    }
}

/// Copies the bytes of a typed array; empty when its buffer is detached.
pub(super) fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: nothing runs JavaScript while the slice is alive: it is copied at once.
    unsafe { array.as_bytes() }
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

/// Takes ownership of a value that QuickJS returned.
///
/// # Safety
///
/// `value` belongs to the caller and to the runtime of `ctx`.
unsafe fn owned<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> rquickjs::Result<Value<'js>> {
    // SAFETY: by the contract above.
    unsafe {
        if qjs::JS_IsException(value) {
            return Err(rquickjs::Error::Exception);
        }
        Ok(Value::from_raw(ctx.clone(), value))
    }
}
