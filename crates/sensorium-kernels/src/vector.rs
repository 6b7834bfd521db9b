//! The vector registers of the instruction sets, for kernels that the compiler does not find the
//! vectors in by itself.

/// One register of 32-bit floats.
///
/// # Safety
///
/// All functions need the instruction set of the type, and pointers to `LANES` floats of any
/// alignment (one float for `splat`).
pub(crate) trait Vector: Copy {
    const LANES: usize;

    unsafe fn zero() -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The float at `from` in every lane.
    unsafe fn splat(from: *const f32) -> Self;
    /// `self + a * b`, rounded once where the machine can.
    unsafe fn fused(self, a: Self, b: Self) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn minus(self, other: Self) -> Self;
    unsafe fn times(self, factor: f32) -> Self;
    /// Asks for the cache line of a float that will be used soon.
    unsafe fn prefetch(of: *const f32);
}

/// Four floats in plain code.
#[derive(Clone, Copy)]
pub(crate) struct Four([f32; 4]);

#[allow(clippy::inline_always, reason = "the caller has the instruction set, these have not")]
impl Vector for Four {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self([unsafe { *from }; 4])
    }

    #[inline(always)]
    unsafe fn fused(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + a.0[lane] * b.0[lane]))
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }

    #[inline(always)]
    unsafe fn times(self, factor: f32) -> Self {
        Self(self.0.map(|lane| lane * factor))
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86_vector {
    ($register:ty, $lanes:literal, $zero:ident, $load:ident, $store:ident, $splat:ident, $fused:ident, $plus:ident, $minus:ident, $times:ident) => {
        #[allow(
            clippy::inline_always,
            reason = "the caller has the instruction set, these have not"
        )]
        impl Vector for $register {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller's promise, here and below.
                unsafe { std::arch::x86_64::$zero() }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$store(to, self) }
            }

            #[inline(always)]
            unsafe fn splat(from: *const f32) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$splat(*from) }
            }

            #[inline(always)]
            unsafe fn fused(self, a: Self, b: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$fused(a, b, self) }
            }

            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$plus(self, other) }
            }

            #[inline(always)]
            unsafe fn minus(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$minus(self, other) }
            }

            #[inline(always)]
            unsafe fn times(self, factor: f32) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$times(self, std::arch::x86_64::$splat(factor)) }
            }

            #[inline(always)]
            unsafe fn prefetch(of: *const f32) {
                // SAFETY: as above.
                unsafe {
                    std::arch::x86_64::_mm_prefetch(of.cast(), std::arch::x86_64::_MM_HINT_T0)
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86_vector!(
    std::arch::x86_64::__m512,
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps
);
#[cfg(target_arch = "x86_64")]
x86_vector!(
    std::arch::x86_64::__m256,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps
);

/// Functions that call one that is generic over the registers with those of this machine.
///
/// # Safety
///
/// The generic function has to be safe to call with the registers of an instruction set that is
/// there; slices are checked by it or by its caller.
macro_rules! for_vectors {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $generic:ident;)*) => { $(
        $(#[$meta])*
        $vis fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                unsafe fn avx512($($argument: $type),*) {
                    // SAFETY: the instruction set is there.
                    unsafe { $generic::<std::arch::x86_64::__m512>($($argument),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2($($argument: $type),*) {
                    // SAFETY: the instruction set is there.
                    unsafe { $generic::<std::arch::x86_64::__m256>($($argument),*) }
                }
                match $crate::instruction_set::InstructionSet::current() {
                    // SAFETY: `current` is never above what this machine was found to have.
                    $crate::instruction_set::InstructionSet::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::instruction_set::InstructionSet::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::instruction_set::InstructionSet::Portable => {}
                }
            }
            // SAFETY: plain code is everywhere.
            unsafe { $generic::<$crate::vector::Four>($($argument),*) }
        }
    )* };
}
pub(crate) use for_vectors;
