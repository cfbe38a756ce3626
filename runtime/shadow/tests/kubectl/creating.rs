//! What `kubectl create` and its like can make.

use crate::session::{Time, with_kubectl};

#[test]
fn every_generator() {
    with_kubectl("create", Time::Virtual, |session| {
        let namespace = session.namespace();
        for line in [
            "create deployment web --image=nginx:1.27 --replicas=2 --port=80",
            "create configmap plain --from-literal=a=b --from-literal=c=d",
            "create secret generic hidden --from-literal=a=b",
            "create secret docker-registry registry --docker-server=s --docker-username=u --docker-password=p",
            "create service clusterip web --tcp=80:8080",
            "create service nodeport node --tcp=80:8080",
            "create service loadbalancer balanced --tcp=80:8080",
            "create service externalname outside --external-name=example.com",
            "create job once --image=busybox -- /bin/true",
            "create cronjob often --image=busybox --schedule='0 0 1 1 *' -- /bin/true",
            "create job by-hand --from=cronjob/often",
            "create serviceaccount robot",
            "create role reader --verb=get,list --resource=pods,deployments.apps,pods/log",
            "create rolebinding readers --role=reader --serviceaccount=default:robot --user=u --group=g",
            "create poddisruptionbudget web --selector=app=web --min-available=1",
            "create ingress web --rule='example.com/path*=web:80,tls=cert'",
            "autoscale deployment web --min=1 --max=5",
            "expose deployment web --name=exposed --port=80 --target-port=8080",
            "run one --image=nginx --restart=Never --labels=a=b --env=X=y --port=80",
        ] {
            let said = session.ok(line);
            assert!(["created\n", "autoscaled\n", "exposed\n"].iter().any(|end| said.ends_with(end)), "{line}: {said}");
        }
        for line in [
            format!("create clusterrole {namespace} --verb=get --resource=nodes"),
            format!("create clusterrolebinding {namespace} --clusterrole={namespace} --user=u"),
            format!("create priorityclass {namespace} --value=1000"),
            format!("create namespace {namespace}-more"),
        ] {
            session.ok(&line);
        }
        session.waits("wait --for=condition=Ready pod/one --timeout=60s");
        session.waits("wait --for=condition=Complete job/once job/by-hand --timeout=60s");
        session.waits("rollout status deployment/web --timeout=60s");
        assert!(session.fails("create configmap plain").contains("configmaps \"plain\" already exists"));
        assert!(session.fails("create namespace default").contains("already exists"));
        session.ok("create token robot --duration=20m -o jsonpath={.spec.expirationSeconds}");
        assert!(session.fails("create token none").contains("serviceaccounts \"none\" not found"));
        let generated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}";
        let said = session.ok_with("create -f -", generated);
        assert!(said.starts_with("configmap/made-") && said.len() == "configmap/made-12345 created\n".len(), "{said}");

        session.ok("create quota most --hard=pods=50,configmaps=20");
        session.waits("wait --for=jsonpath={.status.used.pods}=3 quota/most --timeout=60s");
        let all = "deployment,configmap,secret,service,cronjob,serviceaccount,role,rolebinding,quota,pdb,ingress";
        session.ok(&format!("get {all}"));
        // How it stands is looked at every 15 s, which is a long time in the real one.
        session.ok("get hpa -o jsonpath={.items[*].spec}");
        session.ok("get secret,role,rolebinding,pdb,ingress -o yaml");
        session.ok("get deployment web -o yaml");
        session.ok("get job once -o jsonpath={.status.succeeded}/{.status.conditions[*].type}");
        for line in ["clusterrolebinding", "clusterrole", "priorityclass"] {
            session.ok(&format!("delete {line} {namespace}"));
        }
    });
}

#[test]
fn questions_about_rights() {
    with_kubectl("auth", Time::Virtual, |session| {
        assert_eq!(session.ok("auth can-i create pods"), "yes\n");
        assert!(session.ok("auth can-i '*' '*' --all-namespaces").contains("yes"));
        let all = session.ok("auth can-i --list");
        assert!(all.contains("*.*"), "{all}");
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: made, namespace: NAMESPACE}\n\
                    rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]";
        session.ok_with("auth reconcile -f -", role);
        session.alone("the users have other names", |session| {
            assert!(session.ok("auth whoami").contains("Groups"));
        });
    });
}
