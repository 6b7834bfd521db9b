//! Which vector instructions the kernels use, chosen at run time.

use std::sync::atomic::{AtomicU8, Ordering};

/// The instruction sets that there are kernels for, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum InstructionSet {
    /// What the compiler makes of plain code for its target.
    Portable = 1,
    /// AVX2 with fused multiply-add.
    Avx2 = 2,
    /// AVX-512 with F, VL, DQ and BW.
    Avx512 = 3,
}

/// What [`InstructionSet::current`] found, or what a test asked for; 0 before either.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl InstructionSet {
    /// The best one of this machine.
    #[inline]
    pub(crate) fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Self::Portable,
            2 => Self::Avx2,
            3 => Self::Avx512,
            _ => Self::detect(),
        }
    }

    #[cold]
    fn detect() -> Self {
        let best = Self::best();
        CURRENT.store(best as u8, Ordering::Relaxed);
        best
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Self {
        let has_512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        let has_2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match (has_512, has_2) {
            (true, true) => Self::Avx512,
            (false, true) => Self::Avx2,
            _ => Self::Portable,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Self {
        Self::Portable
    }

    /// Runs `check` with each set that this machine has, one at a time.
    #[cfg(test)]
    pub(crate) fn for_each(mut check: impl FnMut(Self)) {
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let best = Self::best();
        for set in [Self::Portable, Self::Avx2, Self::Avx512] {
            if set <= best {
                CURRENT.store(set as u8, Ordering::Relaxed);
                check(set);
            }
        }
        CURRENT.store(best as u8, Ordering::Relaxed);
    }
}

/// Functions whose body is compiled once for each instruction set, and the right one called.
///
/// The body is plain code over slices that the compiler turns into vector instructions.
macro_rules! for_instruction_sets {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block)*) => { $(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take plain slices")]
        $vis fn $name($($argument: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, clippy::inline_always, reason = "one body for all sets")]
            fn body($($argument: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "kernels take plain slices")]
                fn avx512($($argument: $type),*) $(-> $out)? { body($($argument),*) }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "kernels take plain slices")]
                fn avx2($($argument: $type),*) $(-> $out)? { body($($argument),*) }
                match $crate::instruction_set::InstructionSet::current() {
                    // SAFETY: `current` is never above what this machine was found to have.
                    $crate::instruction_set::InstructionSet::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::instruction_set::InstructionSet::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::instruction_set::InstructionSet::Portable => {}
                }
            }
            body($($argument),*)
        }
    )* };
}
pub(crate) use for_instruction_sets;
