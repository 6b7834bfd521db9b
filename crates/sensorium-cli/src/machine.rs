//! What the machine has.

/// The memory that this process may use, in bytes: the machine's, or what its control group or its
/// shell's `ulimit -v` leaves of it. `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn memory_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let groups = group.into_iter().filter_map(|path| read(path)?.trim().parse().ok());
    let shell = read("/proc/self/limits").and_then(|text| address_space(&text));
    groups.chain(machine).chain(shell).min()
}

/// `Max address space         2147483648           unlimited            bytes`.
#[cfg(target_os = "linux")]
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn memory_bytes() -> Option<u64> {
    None
}

/// `MemTotal:       32594216 kB`.
#[cfg(target_os = "linux")]
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_in_bytes() {
        let text = "MemTotal:       32594216 kB\nMemFree:          102396 kB\n";
        assert_eq!(total(text), Some(32_594_216 * 1024));
        assert_eq!(total("MemFree: 3 kB"), None);
    }

    #[test]
    fn a_limit_of_the_shell_is_read_where_there_is_one() {
        let limited = "Max address space         2147483648           unlimited            bytes\n";
        assert_eq!(address_space(limited), Some(1 << 31));
        assert_eq!(address_space("Max address space  unlimited  unlimited  bytes"), None);
    }

    #[test]
    fn this_machine_says_how_much_it_has() {
        assert!(memory_bytes().unwrap() > 1 << 28);
    }
}
