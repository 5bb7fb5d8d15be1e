/** Creates of a custom resource with ten CEL rules, and of the same without, over TLS. Prints a table. */
import { Agent, request } from 'node:https';
import { type BenchCluster, startCluster } from './cluster.ts';
import { rest } from './rest.ts';

const seconds = 5;
const connections = 32;

const rules = [
  'self.min <= self.max',
  'self.replicas >= self.min && self.replicas <= self.max',
  "self.name.startsWith('app-')",
  'size(self.ports) <= 10',
  'self.ports.all(p, p.number > 0 && p.number < 65536)',
  'self.ports.exists_one(p, p.name == "http")',
  '!has(self.image) || self.image.contains(":")',
  'self.labels.all(k, size(k) < 64)',
  "self.mode in ['fast', 'safe']",
  'self.ports.map(p, p.number).sum() < 100000',
];

function definition(plural: string, withRules: boolean) {
  const kind = plural[0]?.toUpperCase() + plural.slice(1, -1);
  const port = { type: 'object', properties: { name: { type: 'string', maxLength: 20 }, number: { type: 'integer' } } };
  const spec = {
    type: 'object',
    required: ['name', 'min', 'max', 'replicas', 'mode', 'ports', 'labels'],
    properties: {
      name: { type: 'string', maxLength: 60 },
      image: { type: 'string', maxLength: 200 },
      mode: { type: 'string', maxLength: 10 },
      ...Object.fromEntries(['min', 'max', 'replicas'].map((name) => [name, { type: 'integer' }])),
      ports: { type: 'array', maxItems: 20, items: port },
      labels: { type: 'object', maxProperties: 20, additionalProperties: { type: 'string', maxLength: 60 } },
    },
    ...(withRules ? { 'x-kubernetes-validations': rules.map((rule) => ({ rule })) } : {}),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.bench.example` },
    spec: {
      group: 'bench.example',
      scope: 'Namespaced',
      names: { plural, singular: plural.slice(0, -1), kind, listKind: `${kind}List` },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}

async function served(cluster: BenchCluster, plural: string): Promise<void> {
  while ((await cluster.call('GET', `/apis/bench.example/v1/namespaces/default/${plural}`)).code !== 200) {
    await rest(50);
  }
}

async function createsPerSecond(cluster: BenchCluster, plural: string, kind: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, rejectUnauthorized: false });
  const headers = { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' };
  const url = new URL(`/apis/bench.example/v1/namespaces/default/${plural}`, cluster.base);
  const spec = {
    ...{ name: 'app-one', image: 'registry.local/app:1', mode: 'fast', min: 1, max: 10, replicas: 3 },
    ports: [
      { name: 'http', number: 8080 },
      { name: 'metrics', number: 9090 },
    ],
    labels: { team: 'shop', tier: 'front' },
  };
  let made = 0;
  const untilMs = performance.now() + seconds * 1000;
  const create = (name: string) =>
    new Promise<void>((resolve, reject) => {
      const call = request(url, { method: 'POST', agent, headers }, (response) => {
        if (response.statusCode !== 201) reject(new Error(`create answered ${response.statusCode}`));
        response.resume().once('end', resolve);
      });
      call.once('error', reject);
      call.end(JSON.stringify({ apiVersion: 'bench.example/v1', kind, metadata: { name }, spec }));
    });
  const worker = async () => {
    while (performance.now() < untilMs) await create(`${plural}-${made++}`);
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return made / seconds;
}

const cluster = await startCluster({ flags: ['--no-agent'] });
try {
  const rows: string[] = [];
  for (const [plural, withRules] of [['plains', false] as const, ['ruleds', true] as const]) {
    const { code, body } = await cluster.call(
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      definition(plural, withRules),
    );
    if (code !== 201) throw new Error(JSON.stringify(body));
    await served(cluster, plural);
    const rate = await createsPerSecond(cluster, plural, plural === 'plains' ? 'Plain' : 'Ruled');
    rows.push(`| create, ${withRules ? 'ten rules' : 'no rules'}, ${connections} connections | ${rate.toFixed(0)}/s |`);
  }
  console.log(['| custom resources | measured |', '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}
