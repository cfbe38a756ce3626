use std::sync::Arc;
use windlass_shadow::{Shadow, clock::*, fault::Scene, listen::*, topology::Topology};
fn main() {
    let simulation = Simulation::start(jiff::Timestamp::now()).unwrap();
    let clock = simulation.clock().clone();
    let shadow = Shadow::builder(Arc::new(clock.clone())).topology(Topology::of(3)).scene(Scene::default()).build();
    simulation.handle().spawn(shadow.run());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    #[allow(clippy::disallowed_methods)]
    runtime.block_on(async {
        let options = Options { clock: Some(clock), ..Options::default() };
        let listener = Listener::open(&shadow, &options).await.unwrap();
        std::fs::write(std::env::args().nth(1).unwrap(), listener.kubeconfig()).unwrap();
        std::future::pending::<()>().await;
    });
}
