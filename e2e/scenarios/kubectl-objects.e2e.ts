/** What people do with kubectl to objects, with the oldest and the newest kubectl at hand, against a control plane without nodes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds, type Ran } from '../harness/kubectl.ts';
import { getText, startKubectlProxy } from '../harness/kubectl-proxy.ts';

const missing = missingCapability({ programs: ['kubectl'] });

describeWith(missing, 'kubectl on objects', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });

  afterAll(() => cluster.remove());

  describe.each(kubectlEnds().map((path) => [path.split('/').at(-1) ?? path, path]))('%s', (label, program) => {
    const namespace = `objects-${label.replaceAll('.', '-')}`;
    const raw = (args: string[], input?: string): Promise<Ran> =>
      cluster.kubectlWith(program, ['-n', namespace, ...args], input === undefined ? {} : { input });
    const kubectl = async (args: string[], input?: string): Promise<string> => {
      const ran = await raw(args, input);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
      return ran.stdout;
    };

    beforeAll(async () => {
      expect(await kubectl(['create', 'namespace', namespace])).toBe(`namespace/${namespace} created\n`);
      await eventually('the default service account', () => kubectl(['get', 'serviceaccount', 'default']));
    });

    it('creates, reads and shows a config map in every form', async () => {
      expect(await kubectl(['create', 'configmap', 'c', '--from-literal=k=v'])).toBe('configmap/c created\n');
      expect(await kubectl(['get', 'cm', 'c', '-o', 'jsonpath={.data.k}'])).toBe('v');
      expect(await kubectl(['get', 'cm', 'c', '-o', 'name'])).toBe('configmap/c\n');
      expect(JSON.parse(await kubectl(['get', 'cm', 'c', '-o', 'json']))).toMatchObject({
        kind: 'ConfigMap',
        data: { k: 'v' },
      });
      expect(await kubectl(['get', 'cm', 'c', '-o', 'yaml'])).toContain('\n  k: v\n');
      expect(await kubectl(['get', 'cm', 'c'])).toMatch(/^NAME +DATA +AGE\nc +1 +\d+s\n$/);
      expect(await kubectl(['describe', 'cm', 'c'])).toContain('k:\n----\nv\n');
      expect(await kubectl(['get', 'cm', '-A', '--field-selector', 'metadata.name=c', '-o', 'name'])).toContain(
        'configmap/c',
      );
    });

    it('applies on the client side, tells what would change, and changes only that', async () => {
      const manifest = (value: string, extra = '') =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\n  labels: {a: "1"}\ndata:\n  k: ${value}\n${extra}`;
      expect(await kubectl(['apply', '-f', '-'], manifest('one', '  gone: soon\n'))).toBe(
        'configmap/applied created\n',
      );
      expect(await kubectl(['apply', '-f', '-'], manifest('one', '  gone: soon\n'))).toBe(
        'configmap/applied unchanged\n',
      );
      const diff = await raw(['diff', '-f', '-'], manifest('two'));
      expect(diff.code).toBe(1);
      expect(diff.stdout).toContain('-  k: one');
      expect(await kubectl(['apply', '-f', '-'], manifest('two'))).toBe('configmap/applied configured\n');
      expect(JSON.parse(await kubectl(['get', 'cm', 'applied', '-o', 'jsonpath={.data}']))).toEqual({ k: 'two' });
    });

    it('applies on the server side, with conflicts and force', async () => {
      const manifest = (value: string) =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ssa\ndata:\n  k: ${value}\n`;
      const apply = (manager: string, value: string, ...more: string[]) =>
        raw(['apply', '--server-side', `--field-manager=${manager}`, ...more, '-f', '-'], manifest(value));
      expect((await apply('a', 'one')).stdout).toBe('configmap/ssa serverside-applied\n');
      const conflict = await apply('b', 'two');
      expect(conflict.code).toBe(1);
      expect(conflict.stderr).toContain('Apply failed with 1 conflict: conflict with "a": .data.k');
      expect((await apply('b', 'two', '--force-conflicts')).code).toBe(0);
      expect(await kubectl(['get', 'cm', 'ssa', '-o', 'jsonpath={.data.k}'])).toBe('two');
    });

    it('labels, annotates, patches in three ways, replaces, edits and deletes', async () => {
      await kubectl(['create', 'configmap', 'p', '--from-literal=k=v']);
      expect(await kubectl(['label', 'cm', 'p', 'tier=web'])).toBe('configmap/p labeled\n');
      expect(await kubectl(['get', 'cm', '-l', 'tier in (web, db)', '-o', 'name'])).toBe('configmap/p\n');
      // Old ones lack the last letter.
      expect(await kubectl(['annotate', 'cm', 'p', 'note=hi'])).toMatch(/^configmap\/p annotated?\n$/);
      for (const [type, patch] of [
        ['merge', '{"data":{"m":"1"}}'],
        ['strategic', '{"data":{"s":"1"}}'],
        ['json', '[{"op":"add","path":"/data/j","value":"1"}]'],
      ]) {
        expect(await kubectl(['patch', 'cm', 'p', '--type', type ?? '', '-p', patch ?? ''])).toBe(
          'configmap/p patched\n',
        );
      }
      expect(JSON.parse(await kubectl(['get', 'cm', 'p', '-o', 'jsonpath={.data}']))).toEqual({
        k: 'v',
        m: '1',
        s: '1',
        j: '1',
      });
      const object = await kubectl(['get', 'cm', 'p', '-o', 'json']);
      expect(await kubectl(['replace', '-f', '-'], object.replace('"m": "1"', '"m": "2"'))).toBe(
        'configmap/p replaced\n',
      );
      const stale = await raw(['replace', '-f', '-'], object);
      expect(stale.stderr).toContain(
        'the object has been modified; please apply your changes to the latest version and try again',
      );
      const editor = join(cluster.dataDir, 'editor.sh');
      await writeFile(editor, '#!/bin/sh\nsed -i "s/j: .*/j: edited/" "$1"\n', { mode: 0o755 });
      const edited = await cluster.kubectlWith(program, ['-n', namespace, 'edit', 'cm', 'p'], {
        env: { KUBE_EDITOR: editor },
      });
      expect(edited.stdout).toBe('configmap/p edited\n');
      // Newer ones say from which namespace.
      expect(await kubectl(['delete', 'cm', 'p', '--wait'])).toMatch(/^configmap "p" deleted( from \S+ namespace)?\n$/);
      expect((await raw(['get', 'cm', 'p'])).stderr).toBe('Error from server (NotFound): configmaps "p" not found\n');
    });

    it('explains, lists resources and versions, and answers who may do what', async () => {
      expect(await kubectl(['explain', 'deployment.spec.strategy'])).toContain('rollingUpdate');
      const resources = await kubectl(['api-resources']);
      expect(resources).toMatch(/^pods +po +v1 +true +Pod$/m);
      expect(resources).toMatch(/^deployments +deploy +apps\/v1 +true +Deployment$/m);
      expect(await kubectl(['api-versions'])).toContain('apps/v1\n');
      expect(await kubectl(['version', '-o', 'json'])).toContain('"gitVersion": "v1.36');
      expect(await kubectl(['cluster-info'])).toContain('is running at');
      expect(await kubectl(['auth', 'can-i', 'delete', 'pods'])).toBe('yes\n');
      const denied = await raw(['auth', 'can-i', 'delete', 'pods', `--as=system:serviceaccount:${namespace}:default`]);
      expect(denied.stdout.trim()).toBe('no');
    });

    it('leads other programs to the server through its proxy, on a port and on a socket', async () => {
      const byPort = await startKubectlProxy(cluster, program, ['--port', '0']);
      const address = /127\.0\.0\.1:(\d+)/.exec(byPort.said);
      const overPort = await getText({ host: '127.0.0.1', port: Number(address?.[1]), path: '/api/' });
      await byPort.stop();
      expect(overPort).toMatch(/"kind": ?"APIVersions"/);
      const socketPath = join(cluster.dataDir, `proxy-${label}.sock`);
      const bySocket = await startKubectlProxy(cluster, program, [`--unix-socket=${socketPath}`]);
      const overSocket = await getText({ socketPath, path: '/api/' });
      await bySocket.stop();
      expect(overSocket).toMatch(/"kind": ?"APIVersions"/);
    });

    it('refuses what is wrong in the words that users know', async () => {
      const pod = (spec: string) => `apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: ${spec}\n`;
      expect((await raw(['apply', '-f', '-'], pod('{containers: [{name: c}]}'))).stderr).toContain(
        'The Pod "bad" is invalid: spec.containers[0].image: Required value',
      );
      expect(
        (await raw(['create', '-f', '-'], pod('{containers: [{name: c, image: x, imagee: y}]}'))).stderr,
      ).toContain('unknown field "spec.containers[0].imagee"');
      expect((await raw(['create', 'configmap', 'Big_Name'])).stderr).toContain(
        'a lowercase RFC 1123 subdomain must consist of',
      );
      expect((await raw(['get', 'nosuchthing'])).stderr).toContain(
        `the server doesn't have a resource type "nosuchthing"`,
      );
      expect((await raw(['create', 'configmap', 'x', '-n', 'absent'])).stderr).toContain(
        'namespaces "absent" not found',
      );
    });

    it('makes a deployment whose pods explain why they wait', async () => {
      await kubectl(['create', 'deployment', 'web', '--image=localhost/web:1', '--replicas=2']);
      await eventually('two pending pods that say why', async () => {
        const events = await kubectl([
          'get',
          'events',
          '--field-selector',
          'reason=FailedScheduling',
          '-o',
          'jsonpath={.items[*].message}',
        ]);
        expect(events).toContain('no nodes available to schedule pods');
      });
      expect(await kubectl(['get', 'deploy', 'web'])).toMatch(
        /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +2 +0 +/,
      );
      const pod = (await kubectl(['get', 'pods', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
      const why = (await cluster.slipway(['why', `pod/${pod}`, '--namespace', namespace])).stdout;
      expect(why).toMatch(
        /^Pod .*\n {2}created at \d+ by replicaset-controller, acting on ReplicaSet .*\n[\s\S]*\nReplicaSet .*\n {2}created at \d+ by deployment-controller, acting on Deployment .*\nDeployment .*\n {2}created at \d+ by kubernetes-admin \(create\) with kubectl/,
      );
      expect(await kubectl(['scale', 'deploy', 'web', '--replicas=3'])).toBe('deployment.apps/web scaled\n');
      await eventually('three pods', async () =>
        expect((await kubectl(['get', 'pods', '-o', 'name'])).trim().split('\n')).toHaveLength(3),
      );
      expect(await kubectl(['expose', 'deploy', 'web', '--port=80'])).toBe('service/web exposed\n');
      expect(await kubectl(['get', 'svc', 'web', '-o', 'jsonpath={.spec.clusterIP}'])).toMatch(/^172\./);
      expect(await kubectl(['describe', 'deploy', 'web'])).toContain('Scaled up replica set web-');
      expect(await kubectl(['get', 'all'])).toContain('deployment.apps/web');
      await kubectl(['delete', 'deploy/web', 'svc/web', '--cascade=foreground']);
      await eventually('no pods', async () => expect(await kubectl(['get', 'pods', '-o', 'name'])).toBe(''));
    });

    it('deletes a namespace with everything in it', async () => {
      await kubectl(['delete', 'namespace', namespace, '--timeout=60s']);
      expect((await raw(['get', 'namespace', namespace])).stderr).toContain('not found');
    });
  });
});
