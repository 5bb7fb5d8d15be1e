/** Where a real helm is at hand: it finds nothing wrong with the charts and makes the same objects as the tests' renderer. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@slipway/api/types';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { parseAllDocuments, stringify } from 'yaml';
import { run } from '../harness/kubectl.ts';
import { chartDirectory, release, variants } from './charts.ts';
import { renderChart } from './renderer/chart.ts';

describeWith(missingCapability({ programs: ['helm'] }), 'charts and the real helm', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-helm-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(variants())('$chart with the values $name', async ({ chart, name, values }) => {
    const directory = chartDirectory(chart);
    const file = join(folder, `${chart}-${name}.yaml`);
    await writeFile(file, stringify(values));
    const helm = (...args: readonly string[]) => run('helm', [...args, '--values', file], { env: { HOME: folder } });
    expect(await helm('lint', directory)).toMatchObject({ code: 0 });
    const made = await helm(
      'template',
      release.name,
      directory,
      '--namespace',
      release.namespace,
      '--kube-version',
      '1.36.0',
    );
    expect(made).toMatchObject({ code: 0 });
    const objects = parseAllDocuments(made.stdout, { version: '1.1' }).flatMap(
      (document) => (document.toJS() as KubeObject | null) ?? [],
    );
    expect(byName(objects)).toEqual(byName(renderChart(directory, release, values).objects));
  });
});

function byName(objects: readonly KubeObject[]): Readonly<Record<string, KubeObject>> {
  return Object.fromEntries(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}
