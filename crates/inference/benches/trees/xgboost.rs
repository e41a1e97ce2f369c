//! The C library of XGBoost, loaded at run time: what is measured against.
#![allow(unsafe_code, reason = "a foreign library")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use libloading::Library;

type Handle = *mut c_void;

/// The loaded library.
pub(crate) struct XgBoost {
    library: Library,
}

/// A booster of the library.
pub(crate) struct Booster<'l> {
    of: &'l XgBoost,
    handle: Handle,
}

impl XgBoost {
    /// The library that `CLOUDOPTIM_XGBOOST` names.
    pub(crate) fn load() -> Option<XgBoost> {
        let path = std::env::var_os("CLOUDOPTIM_XGBOOST")?;
        // SAFETY: whoever runs the bench names the library; its initialisers are the library's own.
        let library = unsafe { Library::new(&path) };
        match library {
            Ok(library) => Some(XgBoost { library }),
            Err(error) => {
                println!("CLOUDOPTIM_XGBOOST cannot be loaded: {error}");
                None
            }
        }
    }

    fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: callers name the type that `c_api.h` declares.
        unsafe { *self.library.get::<F>(name.as_bytes()).expect(name) }
    }

    fn check(&self, code: c_int) {
        if code != 0 {
            let last: unsafe extern "C" fn() -> *const c_char = self.function("XGBGetLastError");
            // SAFETY: the text lives until the next call.
            let text = unsafe { CStr::from_ptr(last()) };
            panic!("XGBoost: {}", text.to_string_lossy());
        }
    }

    /// Trains on rows and labels.
    pub(crate) fn train(
        &self,
        rows: &[f32],
        features: usize,
        labels: &[f32],
        rounds: i32,
        parameters: &[(&str, &str)],
    ) -> Booster<'_> {
        let create: unsafe extern "C" fn(*const f32, u64, u64, f32, *mut Handle) -> c_int =
            self.function("XGDMatrixCreateFromMat");
        let set: unsafe extern "C" fn(Handle, *const c_char, *const f32, u64) -> c_int =
            self.function("XGDMatrixSetFloatInfo");
        let new: unsafe extern "C" fn(*const Handle, u64, *mut Handle) -> c_int =
            self.function("XGBoosterCreate");
        let update: unsafe extern "C" fn(Handle, c_int, Handle) -> c_int =
            self.function("XGBoosterUpdateOneIter");
        let free: unsafe extern "C" fn(Handle) -> c_int = self.function("XGDMatrixFree");
        let (mut data, mut handle) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: signatures of `c_api.h`; every pointer outlives its call.
        unsafe {
            let count = labels.len() as u64;
            self.check(create(rows.as_ptr(), count, features as u64, f32::NAN, &raw mut data));
            self.check(set(data, c"label".as_ptr(), labels.as_ptr(), count));
            self.check(new(&raw const data, 1, &raw mut handle));
            let booster = Booster { of: self, handle };
            for (name, value) in parameters {
                booster.set(name, value);
            }
            for round in 0..rounds {
                self.check(update(handle, round, data));
            }
            self.check(free(data));
            booster
        }
    }
}

impl Booster<'_> {
    fn set(&self, name: &str, value: &str) {
        let set: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> c_int =
            self.of.function("XGBoosterSetParam");
        let (name, value) = (CString::new(name).expect("text"), CString::new(value).expect("text"));
        // SAFETY: signature of `c_api.h`.
        self.of.check(unsafe { set(self.handle, name.as_ptr(), value.as_ptr()) });
    }

    /// The model as UBJ.
    pub(crate) fn save(&self) -> Vec<u8> {
        type Save =
            unsafe extern "C" fn(Handle, *const c_char, *mut u64, *mut *const c_char) -> c_int;
        let save: Save = self.of.function("XGBoosterSaveModelToBuffer");
        let (mut length, mut start) = (0, std::ptr::null());
        let config = cr#"{"format":"ubj"}"#;
        // SAFETY: the buffer belongs to the booster until its next call, and is copied before.
        unsafe {
            self.of.check(save(self.handle, config.as_ptr(), &raw mut length, &raw mut start));
            std::slice::from_raw_parts(start.cast::<u8>(), length as usize).to_vec()
        }
    }

    /// Answers for dense rows, without making a matrix of them first: its fastest way.
    pub(crate) fn predict<'a>(&'a self, rows: &[f32], features: usize) -> &'a [f32] {
        type Predict = unsafe extern "C" fn(
            Handle,
            *const c_char,
            *const c_char,
            Handle,
            *mut *const u64,
            *mut u64,
            *mut *const f32,
        ) -> c_int;
        let predict: Predict = self.of.function("XGBoosterPredictFromDense");
        let count = rows.len() / features;
        let array = format!(
            r#"{{"data":[{},true],"shape":[{count},{features}],"typestr":"<f4","version":3}}"#,
            rows.as_ptr() as usize,
        );
        let array = CString::new(array).expect("text");
        let config = cr#"{"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"cache_id":0,"missing":NaN}"#;
        let (mut shape, mut dimensions, mut answers) = (std::ptr::null(), 0, std::ptr::null());
        let none = std::ptr::null_mut();
        // SAFETY: signature of `c_api.h`; the answers belong to the booster until its next call.
        unsafe {
            self.of.check(predict(
                self.handle,
                array.as_ptr(),
                config.as_ptr(),
                none,
                &raw mut shape,
                &raw mut dimensions,
                &raw mut answers,
            ));
            std::slice::from_raw_parts(answers, count)
        }
    }
}

impl Drop for Booster<'_> {
    fn drop(&mut self) {
        let free: unsafe extern "C" fn(Handle) -> c_int = self.of.function("XGBoosterFree");
        // SAFETY: nobody else has the handle.
        let _ = unsafe { free(self.handle) };
    }
}
