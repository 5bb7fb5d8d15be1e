/** Whoever follows the ten steps of controllers/README.md has a controller: its example is taken out of the page and run. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ClusterRole, ServiceAccount } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { ControllerManager } from '@slipway/controllers';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

const repository = join(import.meta.dirname, '../..');
const room = join(repository, 'controllers');

/** The files of the page: `ts PATH` begins one. */
function filesIn(page: string): ReadonlyMap<string, string> {
  return new Map([...page.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, path = '', text = '']) => [path, text]));
}

/** A copy of the room in which only the new folder is real. Answers the path of `controllers/`. */
async function roomWith(root: string, files: ReadonlyMap<string, string>): Promise<string> {
  const copy = join(root, 'controllers');
  await mkdir(join(copy, 'src/cluster'), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'));
  for (const part of ['src', 'src/cluster']) {
    for (const entry of await readdir(join(room, part))) {
      if (entry !== 'cluster') await symlink(join(room, part, entry), join(copy, part, entry));
    }
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    await writeFile(join(copy, path), text);
  }
  // What the manager and the laws are to those who work inside of the room.
  const entry = [
    "export { createManager } from './runtime/manager.ts';",
    "export { brokenLaw, moveNames } from './testing/laws/controller-laws.ts';",
    "export { greetingController } from './cluster/greeting/controller.ts';",
    "export { greetingLaws } from './cluster/greeting/laws.ts';",
  ];
  await writeFile(join(copy, 'src/entry.ts'), entry.join('\n'));
  await writeFile(join(root, 'package.json'), JSON.stringify({ type: 'module' }));
  const config = { extends: join(repository, 'tsconfig.json'), include: ['controllers/src/entry.ts'] };
  await writeFile(join(root, 'tsconfig.json'), JSON.stringify(config));
  return copy;
}

/** What the entry above exports; the compiler looks at the files themselves. */
interface Written {
  createManager(definitions: readonly unknown[], components: readonly unknown[], deps: object): ControllerManager;
  brokenLaw(laws: unknown, history: readonly object[], definitionOf: () => unknown): Promise<string | undefined>;
  moveNames(laws: unknown): readonly string[];
  readonly greetingController: unknown;
  readonly greetingLaws: unknown;
}

describe('the ten steps', () => {
  let page: string;
  let root: string;
  let plane: ControlPlane;
  let written: Written;

  beforeAll(async () => {
    page = await readFile(join(room, 'README.md'), 'utf8');
    root = await mkdtemp(join(tmpdir(), 'slipway-ten-steps-'));
    const copy = await roomWith(root, filesIn(page));
    written = (await import(pathToFileURL(join(copy, 'src/entry.ts')).href)) as Written;
    plane = await startControlPlane();
  });

  afterAll(async () => {
    await plane.stop();
    await rm(root, { recursive: true });
  });

  it('are ten, and name files that there are', () => {
    const steps = page.slice(page.indexOf('## Adding a controller in ten steps')).matchAll(/^(\d+)\. /gm);
    expect([...steps].map(([, number]) => Number(number))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const named = [...page.matchAll(/`((?:src|lib|apiserver|e2e)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    const example = new Set(filesIn(page).keys());
    const isThere = (path: string) => existsSync(join(room, path)) || existsSync(join(repository, path));
    expect(named.filter((path) => !example.has(path) && !isThere(path) && path !== 'src/workloads/job/')).toEqual([]);
  });

  it('give a controller that the compiler takes', async () => {
    const tsc = join(repository, 'node_modules/.bin/tsc');
    const { signal } = new AbortController();
    const { stdout } = await exec(tsc, ['-p', root], { signal }).catch(
      (error: unknown) => error as { stdout: unknown },
    );
    expect(String(stdout)).toBe('');
  });

  it('give one that keeps the laws', async () => {
    const { brokenLaw, greetingLaws, greetingController, moveNames } = written;
    const random = (i: number, max: number) => Math.floor((Math.abs(Math.sin(i * 12.9898)) * 43758.5453) % max);
    for (let history = 0; history < 30; history++) {
      const steps = Array.from({ length: 15 }, (_, i) => ({
        move: random(history * 31 + i, moveNames(greetingLaws).length),
        dice: random(history * 17 + i, 1000),
        waitMs: [0, 30, 1000][i % 3],
      }));
      expect(await brokenLaw(greetingLaws, steps, () => greetingController)).toBeUndefined();
    }
  });

  it('give one that does its work on the real server, with the rights of its own account and no others', async () => {
    const { client, signal, server } = plane;
    const role: ClusterRole = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'system:controller:greeting-controller' },
      rules: [
        { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get', 'list', 'watch'] },
        // Who names an owner that its child blocks must have this, and the right to delete the child.
        { apiGroups: [''], resources: ['serviceaccounts/finalizers'], verbs: ['update'] },
        { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      ],
    };
    await client.create(kinds.clusterRoles, role, { signal });
    await client.create(
      kinds.clusterRoleBindings,
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: role.metadata.name ?? '' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role.metadata.name ?? '' },
        subjects: [{ kind: 'ServiceAccount', namespace: 'kube-system', name: 'greeting-controller' }],
      },
      { signal },
    );
    const user = { name: 'system:serviceaccount:kube-system:greeting-controller', groups: ['system:serviceaccounts'] };
    const stopping = new AbortController();
    const manager = written.createManager([written.greetingController], [], {
      transport: server.transport(user),
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
    });
    const running = manager.run(stopping.signal);
    try {
      await manager.ready;
      const account: ServiceAccount = {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { namespace: 'default', name: 'ada', labels: { 'example.com/greeted': 'true' } },
      };
      await client.create(kinds.serviceAccounts, account, { signal });
      const ref = { namespace: 'default', name: 'ada-greeting' };
      await plane.until(kinds.configMaps, ref, (map) => map?.data?.text === 'Hello ada');
      await client.patch(kinds.configMaps, ref, { data: { text: 'Goodbye' } }, { signal });
      await plane.until(kinds.configMaps, ref, (map) => map?.data?.text === 'Hello ada');
      await client.delete(kinds.configMaps, ref, { signal });
      await plane.until(kinds.configMaps, ref, (map) => map?.data?.text === 'Hello ada');
      // Its children go with their owner, by the garbage collector.
      await client.delete(kinds.serviceAccounts, { namespace: 'default', name: 'ada' }, { signal });
      await plane.until(kinds.configMaps, ref, (map) => map === undefined);
    } finally {
      stopping.abort();
      await running;
    }
  });
});
