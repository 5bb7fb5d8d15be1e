/** A repository as teams keep it: one base per app with generated config, an overlay per stage; kustomize's files only. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const apps = ['web', 'api', 'worker', 'mail', 'search'];
const stages = ['staging', 'production'];

/** Writes the repository; `kubectl apply -k FOLDER` takes it all. Answers how many objects it makes. */
export async function writeRepository(folder: string): Promise<number> {
  for (const app of apps) await writeAll(join(folder, 'apps', app), baseOf(app));
  for (const stage of stages) await writeAll(join(folder, 'stages', stage), overlayOf(stage));
  await writeAll(folder, {
    'kustomization.yaml': kustomization({ resources: stages.map((stage) => `stages/${stage}`) }),
  });
  return stages.length * (1 + apps.length * objectsPerApp);
}

async function writeAll(folder: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    // JSON is YAML.
    await writeFile(path, JSON.stringify(content, undefined, 2));
  }
}

const kustomization = (more: object) => ({
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  ...more,
});

const objectsPerApp = 10;

/** Deployment, Service, ServiceAccount, Role, RoleBinding, CronJob, PodDisruptionBudget, HorizontalPodAutoscaler and two generated ones. */
function baseOf(app: string): Record<string, unknown> {
  const labels = { 'app.kubernetes.io/name': app };
  const named = { metadata: { name: app, labels } };
  const container = {
    name: 'main',
    image: `registry.example/${app}:1.2.3`,
    envFrom: [{ configMapRef: { name: `${app}-settings` } }],
    env: [
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: `${app}-keys`, key: 'token' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    ports: [
      { name: 'http', containerPort: 8080 },
      { name: 'metrics', containerPort: 9090, protocol: 'TCP' },
    ],
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
    livenessProbe: { tcpSocket: { port: 8080 } },
    volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
  };
  const pod = {
    metadata: { labels },
    spec: {
      serviceAccountName: app,
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
      containers: [container],
      volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1000Mi' } }],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: labels },
        },
      ],
    },
  };
  const job = { spec: { ...pod.spec, restartPolicy: 'OnFailure' } };
  const scaled = { apiVersion: 'apps/v1', kind: 'Deployment', name: app };
  return {
    'deployment.yaml': {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      ...named,
      spec: { replicas: 2, selector: { matchLabels: labels }, template: pod },
    },
    'service.yaml': {
      apiVersion: 'v1',
      kind: 'Service',
      ...named,
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    'service-account.yaml': { apiVersion: 'v1', kind: 'ServiceAccount', ...named },
    'role.yaml': {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      ...named,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }],
    },
    'role-binding.yaml': {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      ...named,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: app },
      subjects: [{ kind: 'ServiceAccount', name: app }],
    },
    'cron-job.yaml': {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      ...named,
      spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: job } } },
    },
    'disruption-budget.yaml': {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      ...named,
      spec: { maxUnavailable: '50%', selector: { matchLabels: labels } },
    },
    'autoscaler.yaml': {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      ...named,
      spec: {
        scaleTargetRef: scaled,
        maxReplicas: 5,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
        ],
      },
    },
    'kustomization.yaml': kustomization({
      resources: [
        ...['deployment.yaml', 'service.yaml', 'service-account.yaml', 'role.yaml', 'role-binding.yaml'],
        ...['cron-job.yaml', 'disruption-budget.yaml', 'autoscaler.yaml'],
      ],
      configMapGenerator: [{ name: `${app}-settings`, literals: [`NAME=${app}`, 'LEVEL=info'] }],
      secretGenerator: [{ name: `${app}-keys`, literals: ['token=not-a-secret'] }],
    }),
  };
}

function overlayOf(stage: string): Record<string, unknown> {
  return {
    'namespace.yaml': { apiVersion: 'v1', kind: 'Namespace', metadata: { name: stage } },
    'kustomization.yaml': kustomization({
      namespace: stage,
      labels: [{ pairs: { stage } }],
      resources: ['namespace.yaml', ...apps.map((app) => `../../apps/${app}`)],
      replicas: [{ name: 'web', count: stage === 'production' ? 3 : 1 }],
    }),
  };
}
