/** GitOps: a repository of a hundred objects is applied again and again, and only what changed in it changes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { kubectlEnds } from '../harness/kubectl.ts';
import { writeRepository } from './git-repository.ts';

const missing = missingCapability({ programs: ['kubectl'] });

/**
 * A budget's selector is patched as a whole (its patch strategy is "replace"), so kubectl sends it each time and says "configured", with
 * upstream's server too. That nothing changed shows in the generation.
 */
const changesIn = (lines: readonly string[]) =>
  lines.filter((line) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget.policy/'));

describeWith(missing, 'a repository applied twice', () => {
  let cluster: Cluster;
  let folder: string;
  let objects: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-repository-'));
    objects = await writeRepository(folder);
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });

  afterAll(async () => {
    await cluster.remove();
    await rm(folder, { recursive: true });
  });

  const apply = async (program: string, flags: readonly string[]) => {
    const ran = await cluster.kubectlWith(program, ['apply', '-k', folder, ...flags]);
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
    return ran.stdout.trim().split('\n');
  };
  /** What the repository says is in these; controllers write to their status and beside them. */
  const generations = () =>
    cluster.kubectl([
      ...['get', 'deploy,svc,sa,role,rolebinding,cronjob,pdb,hpa,cm,secret', '-A', '-l', 'stage', '--no-headers'],
      ...['-o', 'custom-columns=K:.kind,N:.metadata.namespace,M:.metadata.name,U:.metadata.uid,G:.metadata.generation'],
    ]);

  it.each(kubectlEnds().map((path) => [path.split('/').at(-1) ?? path, path]))(
    'client side, with %s',
    async (_label, program) => {
      expect(await apply(program, [])).toHaveLength(objects);
      const before = await generations();
      const second = await apply(program, []);
      expect(changesIn(second)).toEqual([]);
      expect(await generations()).toBe(before);
    },
  );

  it('then on the server side, taking the fields over', async () => {
    const newest = kubectlEnds().at(-1) ?? 'kubectl';
    const serverSide = ['--server-side', '--force-conflicts'];
    expect(await apply(newest, serverSide)).toHaveLength(objects);
    const before = await generations();
    await apply(newest, serverSide);
    expect(await generations()).toBe(before);
    const diff = await cluster.kubectlWith(newest, ['diff', '-k', folder, '--server-side', '--force-conflicts']);
    expect(diff).toMatchObject({ code: 0, stdout: '' });
  });

  it('changes what was changed in it', async () => {
    const newest = kubectlEnds().at(-1) ?? 'kubectl';
    const path = join(folder, 'apps/web/deployment.yaml');
    await writeFile(path, (await readFile(path, 'utf8')).replace('web:1.2.3', 'web:1.2.4'));
    const changed = changesIn(await apply(newest, []));
    expect(changed).toEqual(['deployment.apps/web configured', 'deployment.apps/web configured']);
  });
});
