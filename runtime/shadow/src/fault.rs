//! How long things take in a simulated cluster, and what is broken in it.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Something that is broken.
///
/// A *pattern* is a text in which `*` stands for anything. It is compared with an image as the manifest names it, with the
/// image's last part with and without its tag (`nginx:1.27`, `nginx`), and with the names of the pod and of the workload that
/// it belongs to, alone and as `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The machine is off.
    Node {
        /// The node's name.
        name: String,
    },
    /// The image cannot be pulled: `ErrImagePull`, then `ImagePullBackOff`.
    Image {
        /// Which images.
        pattern: String,
    },
    /// The containers end with exit code 1 a second after their start: `CrashLoopBackOff`.
    Crash {
        /// Which images or pods.
        pattern: String,
    },
    /// The claim stays Pending.
    Claim {
        /// The claim's name, `namespace/name`, or a pattern.
        pattern: String,
    },
    /// The containers take this long to start.
    Start {
        /// Which images or pods.
        pattern: String,
        /// How long pulling and starting takes.
        takes: Duration,
    },
    /// The containers run, but never become ready.
    NeverReady {
        /// Which images or pods.
        pattern: String,
    },
}

/// A fault, and the step of a playbook at which it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// What breaks.
    pub fault: Fault,
    /// The step's key; from the start without one.
    pub step: Option<String>,
}

/// What is wrong with a fault's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; a fault is one of {FORMS}")]
pub struct FaultError {
    what: String,
}

const FORMS: &str = "node/NAME, image/PATTERN, crash/PATTERN, pvc/NAME, start/PATTERN=DURATION, never-ready/PATTERN, \
                     each with an optional @STEP";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(said: &str) -> Result<Self, FaultError> {
        let wrong = |what: String| FaultError { what };
        let (kind, rest) = said.split_once('/').ok_or_else(|| wrong(format!("\"{said}\" has no slash")))?;
        if rest.is_empty() {
            return Err(wrong(format!("\"{said}\" does not say what is broken")));
        }
        let pattern = rest.to_owned();
        match kind {
            "node" => Ok(Self::Node { name: pattern }),
            "image" => Ok(Self::Image { pattern }),
            "crash" => Ok(Self::Crash { pattern }),
            "pvc" => Ok(Self::Claim { pattern }),
            "never-ready" => Ok(Self::NeverReady { pattern }),
            "start" => {
                let (pattern, takes) =
                    rest.rsplit_once('=').ok_or_else(|| wrong(format!("\"{said}\" does not say how long it takes")))?;
                let takes =
                    duration(takes).ok_or_else(|| wrong(format!("\"{takes}\" is no duration such as 90s or 10m")))?;
                Ok(Self::Start { pattern: pattern.to_owned(), takes })
            }
            other => Err(wrong(format!("\"{other}\" is no kind of fault"))),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { name } => write!(out, "node/{name}"),
            Self::Image { pattern } => write!(out, "image/{pattern}"),
            Self::Crash { pattern } => write!(out, "crash/{pattern}"),
            Self::Claim { pattern } => write!(out, "pvc/{pattern}"),
            Self::NeverReady { pattern } => write!(out, "never-ready/{pattern}"),
            Self::Start { pattern, takes } if takes.subsec_millis() != 0 => {
                write!(out, "start/{pattern}={}ms", takes.as_millis())
            }
            Self::Start { pattern, takes } => write!(out, "start/{pattern}={}s", takes.as_secs()),
        }
    }
}

impl FromStr for PlannedFault {
    type Err = FaultError;

    fn from_str(said: &str) -> Result<Self, FaultError> {
        // An image's digest has an "@" too.
        match said.rsplit_once('@') {
            Some((_, "")) => Err(FaultError { what: format!("\"{said}\" names no step after \"@\"") }),
            Some((fault, step)) if !step.starts_with("sha256:") => {
                Ok(Self { fault: fault.parse()?, step: Some(step.to_owned()) })
            }
            _ => Ok(Self { fault: said.parse()?, step: None }),
        }
    }
}

fn duration(said: &str) -> Option<Duration> {
    let given = match said.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::try_from(said.parse::<jiff::SignedDuration>().ok()?).ok()?,
    };
    (given <= LONGEST).then_some(given)
}

/// The longest that anything may take: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How long things take in a simulated cluster, and what is broken in it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// How long pulling an image and starting its container takes; 1 s.
    pub start: Duration,
    /// The same by pattern (see [`Fault`]); the last one that fits counts.
    pub starts: Vec<(String, Duration)>,
    /// How long a container runs that is meant to end (a Job's, or any whose restart policy is not `Always`); 1 s.
    pub run: Duration,
    /// How long a container takes to stop, at most its grace period; 1 s.
    pub stop: Duration,
    /// How long a storage class takes to provide a volume; 1 s.
    pub provision: Duration,
    /// For how long a node must be silent until it counts as lost; 50 s, as the real one's default.
    pub node_grace: Duration,
    faults: Vec<Broken>,
}

/// A fault of a scene.
#[derive(Debug)]
struct Broken {
    fault: Fault,
    /// Whether it was in the way of anything yet.
    met: AtomicBool,
}

impl Clone for Broken {
    fn clone(&self) -> Self {
        Self { fault: self.fault.clone(), met: AtomicBool::new(self.is_met()) }
    }
}

impl Broken {
    fn is_met(&self) -> bool {
        self.met.load(Ordering::Relaxed)
    }
}

impl Default for Scene {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            start: second,
            starts: Vec::new(),
            run: second,
            stop: second,
            provision: second,
            node_grace: Duration::from_secs(50),
            faults: Vec::new(),
        }
    }
}

/// A container as faults see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) pod: &'a str,
    /// What the pod belongs to: a Deployment, a StatefulSet and so on; the pod itself where it belongs to nothing.
    pub(crate) workload: &'a str,
    pub(crate) image: &'a str,
}

impl Place<'_> {
    fn is(&self, pattern: &str) -> bool {
        let last = self.image.rsplit('/').next().unwrap_or(self.image);
        let bare = last.split(['@', ':']).next().unwrap_or(last);
        let whole = |name: &str| format!("{}/{name}", self.namespace);
        [self.image, last, bare, self.pod, self.workload].iter().any(|name| fits(pattern, name))
            || [self.pod, self.workload].iter().any(|name| fits(pattern, &whole(name)))
    }
}

impl Scene {
    /// Breaks something.
    pub fn inject(&mut self, fault: Fault) {
        if !self.faults.iter().any(|broken| broken.fault == fault) {
            self.faults.push(Broken { fault, met: AtomicBool::new(false) });
        }
    }

    /// Mends it.
    pub fn mend(&mut self, fault: &Fault) {
        self.faults.retain(|broken| broken.fault != *fault);
    }

    /// What is broken, each with whether it was in the way of anything yet.
    pub fn faults(&self) -> impl Iterator<Item = (&Fault, bool)> {
        self.faults.iter().map(|broken| (&broken.fault, broken.is_met()))
    }

    /// What the last fault says that is in the way.
    fn met<T>(&self, says: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let meet = |broken: &Broken| says(&broken.fault).inspect(|_| broken.met.store(true, Ordering::Relaxed));
        self.faults.iter().filter_map(meet).last()
    }

    fn breaks(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.met(|fault| is(fault).then_some(())).is_some()
    }

    /// Whether the machine is off.
    pub(crate) fn node_is_down(&self, node: &str) -> bool {
        self.breaks(|fault| matches!(fault, Fault::Node { name } if fits(name, node)))
    }

    pub(crate) fn cannot_pull(&self, place: &Place<'_>) -> bool {
        self.breaks(|fault| matches!(fault, Fault::Image { pattern } if place.is(pattern)))
    }

    pub(crate) fn crashes(&self, place: &Place<'_>) -> bool {
        self.breaks(|fault| matches!(fault, Fault::Crash { pattern } if place.is(pattern)))
    }

    pub(crate) fn never_ready(&self, place: &Place<'_>) -> bool {
        self.breaks(|fault| matches!(fault, Fault::NeverReady { pattern } if place.is(pattern)))
    }

    pub(crate) fn claim_is_stuck(&self, namespace: &str, name: &str) -> bool {
        let whole = format!("{namespace}/{name}");
        self.breaks(|fault| matches!(fault, Fault::Claim { pattern } if fits(pattern, name) || fits(pattern, &whole)))
    }

    /// How long pulling and starting takes.
    pub(crate) fn start_of(&self, place: &Place<'_>) -> Duration {
        let slow = self.met(|fault| match fault {
            Fault::Start { pattern, takes } if place.is(pattern) => Some(*takes),
            _ => None,
        });
        let told = || self.starts.iter().rev().find(|(pattern, _)| place.is(pattern)).map(|(_, takes)| *takes);
        slow.or_else(told).unwrap_or(self.start)
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_and_written() {
        for said in ["node/w-1", "image/x/y:*", "crash/db-*", "pvc/*", "start/a=600s", "never-ready/web", "start/a=5ms"]
        {
            assert_eq!(said.parse::<Fault>().map(|f| f.to_string()), Ok(said.to_owned()));
        }
        let takes = Duration::from_secs(600);
        assert_eq!("start/a=10m".parse(), Ok(Fault::Start { pattern: "a".into(), takes }));
    }

    #[test]
    fn a_wrong_description_says_what_is_allowed() {
        for said in ["", "node", "node/", "disk/x", "start/a", "start/a=soon", "start/a=18446744073709551615"] {
            let error = said.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("start/PATTERN=DURATION"), "{error}");
        }
    }

    #[test]
    fn a_step_follows_the_at_sign_and_a_digest_is_none() {
        let planned: PlannedFault = "node/w@storage/openebs".parse().unwrap();
        assert_eq!(planned.step.as_deref(), Some("storage/openebs"));
        let planned: PlannedFault = "image/a@sha256:12".parse().unwrap();
        assert_eq!((planned.step, planned.fault), (None, Fault::Image { pattern: "a@sha256:12".into() }));
        assert!("node/w@".parse::<PlannedFault>().is_err());
    }

    #[test]
    fn patterns_are_anchored() {
        let place = Place { namespace: "n", pod: "web-0", workload: "shop", image: "reg.io/team/web:1.2" };
        for pattern in ["web", "web:1.2", "reg.io/*", "*web*", "n/web-0", "web-*", "shop", "n/shop", "*"] {
            assert!(place.is(pattern), "{pattern}");
        }
        for pattern in ["we", "eb", "reg.io", "*x*", "web:1"] {
            assert!(!place.is(pattern), "{pattern}");
        }
    }

    #[test]
    fn the_last_start_time_that_fits_counts() {
        let mut scene = Scene { starts: vec![("*".into(), Duration::from_secs(3))], ..Scene::default() };
        let place = Place { namespace: "n", pod: "p", workload: "p", image: "web" };
        assert_eq!(scene.start_of(&place), Duration::from_secs(3));
        scene.inject("start/web=9s".parse().unwrap());
        scene.inject("crash/other".parse().unwrap());
        assert_eq!(scene.start_of(&place), Duration::from_secs(9));
        let met: Vec<bool> = scene.faults().map(|(_, met)| met).collect();
        assert_eq!(met, [true, false]);
    }
}
