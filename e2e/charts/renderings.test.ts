/**
 * What each chart makes of each set of values, against files that were read and found right. `UPDATE_GOLDEN=1 npm run -s unit -- e2e/charts/renderings`
 * writes them anew: read the difference before it is committed.
 */
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { repositoryRoot } from '../tidy/sources.ts';
import { chartDirectory, chartNames, release, type Variant, variants } from './charts.ts';
import { mergedValues, renderChart, valuesSchema } from './renderer/chart.ts';

const isUpdating = process.env.UPDATE_GOLDEN === '1';

describe('golden renderings', () => {
  it.each(variants())('$chart with the values $name', ({ chart, name, values }) => {
    const { text, notes } = renderChart(chartDirectory(chart), release, values);
    const made = `${text}---\n# NOTES\n${notes.replace(/^/gm, '# ')}`;
    const file = join(import.meta.dirname, 'golden', chart, `${name}.golden.yaml`);
    if (isUpdating) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, made);
    }
    expect(made).toBe(readFileSync(file, 'utf8'));
  });
});

describe('the kinds of slipway-ecs', () => {
  it('are those of crds/ecs: one link for each', () => {
    const folder = join(chartDirectory('slipway-ecs'), 'crds');
    const kinds = join(repositoryRoot, 'crds/ecs');
    const files = readdirSync(kinds).filter((file) => file.endsWith('.yaml'));
    expect(readdirSync(folder).sort()).toEqual(files.sort());
    expect(files.map((file) => realpathSync(join(folder, file)))).toEqual(files.map((file) => join(kinds, file)));
  });
});

describe.each(chartNames)('the values of %s', (chart) => {
  type Schema = {
    readonly type?: string;
    readonly description?: string;
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly additionalProperties?: unknown;
  };
  const directory = chartDirectory(chart);
  const own = parse(readFileSync(join(directory, 'values.yaml'), 'utf8')) as Record<string, never>;

  it('are all described, and have a default each', () => {
    const visit = (schema: Schema, value: unknown, path: string) => {
      for (const [name, each] of Object.entries(schema.properties ?? {})) {
        const at = `${path}.${name}`;
        if (at === '.global') continue;
        expect(each).toMatchObject({ description: expect.stringMatching(/\S/) });
        const given = (value as Record<string, unknown>)[name];
        if (given === undefined) throw new Error(`values.yaml has no ${at}`);
        visit(each, given, at);
      }
    };
    visit(valuesSchema(directory) as Schema, own, '');
  });

  it('stand in the README', () => {
    const readme = readFileSync(join(directory, 'README.md'), 'utf8');
    const names = Object.keys((valuesSchema(directory) as Schema).properties ?? {}).filter((name) => name !== 'global');
    expect(names.filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  });

  it('are merged as Helm does', () => {
    expect(mergedValues({ a: { b: 1, c: 2 }, d: [1], e: 'x' }, { a: { c: 3 }, d: [], e: null })).toEqual({
      a: { b: 1, c: 3 },
      d: [],
    });
  });
});

describe('bad values', () => {
  it.each([
    ['slipway-ecs', { replicas: 2 }, '/ must NOT have additional properties: replicas'],
    ['slipway-ecs', { replicaCount: 0 }, '/replicaCount must be >= 1'],
    ['slipway-ecs', { replicaCount: 'two' }, '/replicaCount must be integer'],
    ['slipway-ecs', { image: { tag: 'a b' } }, '/image/tag must match pattern'],
    ['slipway-ecs', { image: { digest: 'sha256:1' } }, '/image/digest must match pattern'],
    ['slipway-ecs', { image: { repository: null } }, "/image must have required property 'repository'"],
    ['slipway-ecs', { image: { pullPolicy: 'Never ever' } }, '/image/pullPolicy must be equal to one of the allowed'],
    ['slipway-ecs', { leaderElection: { leaseDuration: '15' } }, '/leaderElection/leaseDuration must match pattern'],
    ['slipway-ecs', { networkPolicy: { apiServerCIDRs: ['10.0.0.1'] } }, '/networkPolicy/apiServerCIDRs/0 must match'],
    ['slipway-ecs', { serviceAccount: { create: false } }, 'serviceAccount.name: name the service account to use'],
    ['slipway', { replicaCount: 3 }, 'replicaCount: the embedded store is for one server'],
    ['slipway', { storage: { type: 'sqlite' } }, '/storage/type must be equal to one of the allowed values'],
    ['slipway', { storage: { type: 'etcd' } }, 'storage.etcd.servers: name the etcd members'],
    [
      'slipway',
      { storage: { type: 'etcd', etcd: { servers: ['http://e:2379'] } } },
      'pki.existingSecret: servers on etcd',
    ],
    ['slipway', { storage: { persistence: { size: 'much' } } }, '/storage/persistence/size must match pattern'],
    ['slipway', { extraArgs: ['event-ttl=1m'] }, '/extraArgs/0 must match pattern'],
    ['slipway', { ecs: { accountId: 123456789012 } }, '/ecs/accountId must be string'],
  ])('%s %j', (chart, values, text) => {
    expect(() => renderChart(chartDirectory(chart), release, values as Variant['values'])).toThrow(text);
  });
});
