use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value as Json;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::secret::{MemoryVault, Origin, Secret, Vault};
use windlass_runtime::target::{ClusterSource, Network, NoTarget, RealNetwork, Target};
use windlass_runtime::{BoxFuture, Clock, Moment, RealClock, Result};

use crate::testing::{Ran, run_on};

/// A target whose calendar is set.
#[derive(Clone)]
pub(in crate::tls) struct On {
    day: Arc<AtomicI64>,
    clock: Arc<RealClock>,
}

impl On {
    /// So many days after 2030 began.
    pub(in crate::tls) fn day(day: i64) -> Self {
        Self { day: Arc::new(AtomicI64::new(day)), clock: Arc::new(RealClock::new()) }
    }
}

impl Clock for On {
    fn now(&self) -> Moment {
        self.clock.now()
    }
    fn wall(&self) -> jiff::Timestamp {
        let begin: jiff::Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        begin + jiff::SignedDuration::from_hours(24 * self.day.load(Ordering::SeqCst))
    }
    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        self.clock.sleep_until(moment)
    }
}

impl Target for On {
    fn name(&self) -> String {
        "calendar".to_owned()
    }
    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        NoTarget::new().cluster(name)
    }
    fn connect(&self, _: &str, _: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        self.cluster(None)
    }
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
    fn network(&self) -> Arc<dyn Network> {
        Arc::new(RealNetwork)
    }
}

const LOOK: &str = "#{ fqdns: c.fqdns, not_after: c.not_after, fingerprint: c.fingerprint, pem: c.pem }";

fn make(vault: &Arc<MemoryVault>, day: i64, call: &str) -> Ran {
    let script = format!("let c = {call}; {LOOK}");
    run_on(On::day(day), &script, |b| b.vault(vault.clone()))
}

fn fingerprint(ran: &Ran) -> Json {
    ran.value()["fingerprint"].clone()
}

#[test]
fn the_documented_certificate_is_made_once() {
    let vault = Arc::new(MemoryVault::new());
    let call = r#"tls::self_signed("cx.example.com", #{ days: 3650, key: "rsa-4096", sans: ["www.cx.example.com", "cx.example.com"] })"#;
    let first = make(&vault, 0, call);
    let value = first.value();
    assert_eq!(value["fqdns"], serde_json::json!(["www.cx.example.com", "cx.example.com"]));
    assert_eq!(value["not_after"], "2039-12-29T23:55:00Z", "five minutes are for clocks that are behind");
    assert_eq!(value["fingerprint"].as_str().unwrap().len(), 32 * 3 - 1);
    let pem = value["pem"].as_str().unwrap();
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let certificate = block.parse_x509().unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=cx.example.com");
    assert_eq!(certificate.public_key().parsed().unwrap().key_size(), 4096);
    assert!(certificate.verify_signature(None).is_ok());
    assert!(!certificate.is_ca());
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.server_auth);

    let again = make(&vault, 3000, call);
    assert_eq!(again.value(), value, "the same in a later session");
    assert!(vault.read("tls/cx.example.com/2.crt").unwrap().is_none());
}

#[test]
fn the_key_is_in_no_output() {
    let vault = Arc::new(MemoryVault::new());
    let script = "let c = tls::self_signed(\"a.b\", #{ key: \"ecdsa-p256\" }); log::info(c); log::info(`${c} ${c.key}`); print(c); #{ key: c.key, text: `${c}` }";
    let ran = run_on(On::day(0), script, |b| b.vault(vault.clone()));
    assert!(
        ran.logs()[1] == "certificate of a.b until 2039-12-29T23:55:00Z [secret tls/a.b/1.key]",
        "{:?}",
        ran.logs()
    );
    assert_eq!(ran.logs()[0], "[Certificate]");
    let key = vault.read("tls/a.b/1.key").unwrap().unwrap();
    let everything = ran.everything();
    for line in key.expose().lines().filter(|l| l.len() > 8) {
        assert!(!everything.contains(line), "{line} is in {everything}");
    }
    let ran =
        run_on(On::day(0), "ctx_free(tls::self_signed(\"a.b\", #{ key: \"ecdsa-p256\" }))", |b| b.vault(vault.clone()));
    assert!(!ran.everything().contains("PRIVATE"));
}

#[test]
fn it_is_made_anew_when_it_does_not_fit_any_more() {
    let vault = Arc::new(MemoryVault::new());
    let call = |cn: &str, sans: &str, key: &str, days: u32| {
        format!("tls::self_signed(\"x\", #{{ cn: \"{cn}\", sans: {sans}, key: \"{key}\", days: {days} }})")
    };
    let base = make(&vault, 0, &call("a.b", "[\"a.b\", \"10.0.0.7\"]", "ecdsa-p256", 100));
    let same = make(&vault, 0, &call("a.b", "[\"10.0.0.7\", \"A.B\", \"a.b\"]", "ecdsa-p256", 3000));
    assert_eq!(fingerprint(&base), fingerprint(&same), "another order or other days are no reason");
    assert!(same.logs().is_empty());
    let mut last = fingerprint(&base);
    for (cn, sans, key, reason) in [
        ("c.b", "[\"a.b\", \"10.0.0.7\"]", "ecdsa-p256", "its common name was a.b"),
        ("c.b", "[\"a.b\"]", "ecdsa-p256", "it was for a.b, 10.0.0.7"),
        ("c.b", "[\"a.b\"]", "ecdsa-p384", "another sort of key"),
        ("c.b", "[\"a.b\"]", "rsa-2048", "another sort of key"),
    ] {
        let other = make(&vault, 0, &call(cn, sans, key, 100));
        assert_ne!(fingerprint(&other), last);
        assert!(other.logs()[0].contains(reason), "{:?}", other.logs());
        last = fingerprint(&make(&vault, 0, &call(cn, sans, key, 100)));
        assert_eq!(fingerprint(&other), last, "and then kept");
    }
}

#[test]
fn it_is_made_anew_in_time() {
    for (days, keeps, renews) in [(100, 89, 91), (3650, 3619, 3621), (10, 8, 10)] {
        let vault = Arc::new(MemoryVault::new());
        let call = format!("tls::self_signed(\"a.b\", #{{ key: \"ecdsa-p256\", days: {days} }})");
        let first = make(&vault, 0, &call);
        assert_eq!(fingerprint(&first), fingerprint(&make(&vault, keeps, &call)), "{days} days, after {keeps}");
        let renewed = make(&vault, renews, &call);
        assert_ne!(fingerprint(&first), fingerprint(&renewed), "{days} days, after {renews}");
        assert!(renewed.logs()[0].contains("it was valid from"), "{:?}", renewed.logs());
        let back = make(&vault, -1, &call);
        assert_ne!(fingerprint(&renewed), fingerprint(&back), "one from the future is of no use");
    }
}

#[test]
fn what_was_kept_halfway_or_damaged_is_passed_over() {
    let vault = Arc::new(MemoryVault::new());
    let keep = |name: &str, text: &str| vault.keep(name, &Secret::new(Origin::Age(name.into()), text)).unwrap();
    keep("tls/a.b/1.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let call = "tls::self_signed(\"a.b\", #{ key: \"ecdsa-p256\" })";
    let made = make(&vault, 0, call);
    assert!(vault.read("tls/a.b/2.key").unwrap().is_some());
    keep("tls/a.b/3.crt", made.value()["pem"].as_str().unwrap());
    keep("tls/a.b/3.key", "no key at all");
    let next = make(&vault, 0, call);
    assert_ne!(fingerprint(&made), fingerprint(&next));
    assert!(next.logs()[0].contains("its key holds no private key"), "{:?}", next.logs());
    assert_eq!(fingerprint(&next), fingerprint(&make(&vault, 0, call)));
}

/// Another process is always first.
struct Rival(MemoryVault);

impl Vault for Rival {
    fn read(&self, name: &str) -> Result<Option<Secret>> {
        self.0.read(name)
    }
    fn keep(&self, name: &str, value: &Secret) -> Result<()> {
        self.0.keep(name, &value.with_origin(Origin::Age("x".into())))?;
        if name.ends_with("crt") {
            self.0.keep(&name.replace("crt", "key"), &Secret::new(Origin::Age("x".into()), "the rival's own key"))?;
        }
        Ok(())
    }
    fn place(&self) -> String {
        "a contested place".to_owned()
    }
}

#[test]
fn a_certificate_without_its_own_key_is_never_given_out() {
    let rival = Arc::new(Rival(MemoryVault::new()));
    let ran = run_on(On::day(0), "tls::self_signed(\"a.b\", #{ key: \"ecdsa-p256\" })", |b| b.vault(rival));
    let error = ran.error();
    assert_eq!(error["kind"], "conflict");
    assert!(error["message"].as_str().unwrap().contains("a contested place"), "{error}");
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_is_kept() {
    let vault = Arc::new(MemoryVault::new());
    let long = "a".repeat(65);
    for (call, said) in [
        ("tls::self_signed(\"a b\")".to_owned(), "option `sans` of tls::self_signed: \"a b\" is neither"),
        ("tls::self_signed(\"\")".to_owned(), "common name"),
        (format!("tls::self_signed(\"{long}\")"), "common name"),
        ("tls::self_signed(\"x\", #{ days: 0 })".to_owned(), "0 days"),
        ("tls::self_signed(\"x\", #{ days: 40000 })".to_owned(), "40000 days"),
        ("tls::self_signed(\"x\", #{ days: -1 })".to_owned(), "option `days`"),
        ("tls::self_signed(\"x\", #{ sans: [] })".to_owned(), "`sans` of tls::self_signed is empty"),
        ("tls::self_signed(\"x\", #{ sans: [\"https://x\"] })".to_owned(), "is neither a host's name"),
        ("tls::self_signed(\"x\", #{ key: \"rsa-1024\" })".to_owned(), "option `key`"),
        ("tls::self_signed(\"x\", #{ san: [\"x\"] })".to_owned(), "no option `san`"),
    ] {
        let error = run_on(On::day(0), &call, |b| b.vault(vault.clone())).error();
        assert_eq!(error["kind"], "usage", "{call}");
        assert!(error["message"].as_str().unwrap().contains(said), "{call}: {error}");
    }
    assert!(vault.read("tls/x/1.crt").unwrap().is_none());
}
