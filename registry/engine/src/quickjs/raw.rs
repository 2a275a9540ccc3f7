//! What the QuickJS binding has no safe function for; the only file with `unsafe`.
#![expect(
    unsafe_code,
    reason = "script bytecode, typed-array bytes and allocators have no safe API in rquickjs"
)]

use std::{cell::Cell, ffi::CString, fmt, ptr, rc::Rc, sync::Arc};

use rquickjs::{
    Context, Ctx, TypedArray, Value,
    allocator::{Allocator, RustAllocator},
    qjs,
};

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

/// Whether `ctx` is of the realm of `context`.
pub(super) fn is_realm(ctx: &Ctx<'_>, context: &Context) -> bool {
    ctx.as_raw() == context.as_raw()
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

/// The heap of one isolate: how much it holds, how much it may hold.
///
/// QuickJS' own limit does not tell when it refused memory, and the exception that follows may be
/// as little as `null`.
#[derive(Debug, Default)]
pub(super) struct Heap {
    held: Cell<usize>,
    limit: Cell<usize>,
    refused: Cell<bool>,
}

impl Heap {
    /// Bytes that are allocated.
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    pub(super) fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    /// Whether memory was refused since [`Heap::forgive`].
    pub(super) fn has_refused(&self) -> bool {
        self.refused.get()
    }

    pub(super) fn forgive(&self) {
        self.refused.set(false);
    }

    fn admits(&self, more: usize) -> bool {
        let fits = self
            .held
            .get()
            .checked_add(more)
            .is_some_and(|bytes| bytes <= self.limit.get());
        if !fits {
            self.refused.set(true);
        }
        fits
    }

    fn add(&self, bytes: usize) {
        self.held.set(self.held.get() + bytes);
    }

    fn subtract(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }
}

/// Rust's allocator within the limit of a [`Heap`].
pub(super) struct Bounded(pub(super) Rc<Heap>);

// SAFETY: memory comes from and goes to `RustAllocator` alone, which keeps the contract; refusing
// is answering null, as the contract allows.
unsafe impl Allocator for Bounded {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !self.0.admits(size) {
            return ptr::null_mut();
        }
        let memory = RustAllocator.alloc(size);
        self.count(memory)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(bytes) = count.checked_mul(size) else {
            return ptr::null_mut();
        };
        if !self.0.admits(bytes) {
            return ptr::null_mut();
        }
        let memory = RustAllocator.calloc(count, size);
        self.count(memory)
    }

    unsafe fn dealloc(&mut self, memory: *mut u8) {
        // SAFETY: the caller's memory came from this allocator, so from `RustAllocator`.
        unsafe {
            self.0.subtract(RustAllocator::usable_size(memory));
            RustAllocator.dealloc(memory);
        }
    }

    unsafe fn realloc(&mut self, memory: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; when it answers null, the old memory stays as it was.
        unsafe {
            let before = RustAllocator::usable_size(memory);
            if size > before && !self.0.admits(size - before) {
                return ptr::null_mut();
            }
            let moved = RustAllocator.realloc(memory, size);
            if !moved.is_null() {
                self.0.subtract(before);
            }
            self.count(moved)
        }
    }

    unsafe fn usable_size(memory: *mut u8) -> usize {
        // SAFETY: by the contract of the trait.
        unsafe { RustAllocator::usable_size(memory) }
    }
}

impl Bounded {
    fn count(&self, memory: *mut u8) -> *mut u8 {
        if !memory.is_null() {
            // SAFETY: the memory was allocated by `RustAllocator` just now.
            self.0.add(unsafe { RustAllocator::usable_size(memory) });
        }
        memory
    }
}
