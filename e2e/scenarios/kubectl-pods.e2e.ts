/** What people do with kubectl to running pods, with the oldest and the newest kubectl at hand. */
import { get } from 'node:http';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { kubectlEnds, type Ran } from '../harness/kubectl.ts';
import { RunningProgram } from '../harness/running-program.ts';

describeWith(missingCapability(containerNeeds), 'kubectl on pods', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster();
    await cluster.up();
    await loadExampleImage(cluster, 'localhost/web:1');
    const script =
      'echo started; trap "exit 0" TERM; httpd -p 8080 -h /tmp; echo page >/tmp/index.html; while :; do sleep 0.2; done';
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'box' },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [{ name: 'c', image: 'localhost/web:1', command: ['sh', '-c', script] }],
      },
    };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/box', '--timeout=60s']);
  });

  afterAll(() => cluster.remove());

  describe.each(kubectlEnds().map((path) => [path.split('/').at(-1) ?? path, path]))('%s', (_label, program) => {
    const raw = (args: string[], input?: string): Promise<Ran> =>
      cluster.kubectlWith(program, args, input === undefined ? {} : { input });
    const kubectl = async (args: string[], input?: string): Promise<string> => {
      const ran = await raw(args, input);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
      return ran.stdout;
    };

    it('reads logs', async () => {
      expect(await kubectl(['logs', 'box'])).toBe('started\n');
      expect(await kubectl(['logs', 'box', '-c', 'c', '--tail=0'])).toBe('');
      expect(await kubectl(['logs', 'box', '--timestamps'])).toMatch(/^\d{4}-\d\d-\d\dT\S+ started\n$/);
      expect((await raw(['logs', 'box', '--previous'])).stderr).toContain(
        'previous terminated container "c" in pod "box" not found',
      );
      expect((await raw(['logs', 'box', '-c', 'nope'])).stderr).toContain('container nope is not valid for pod box');
    });

    it('runs commands inside, with input, exit codes and a terminal', async () => {
      expect(await kubectl(['exec', 'box', '--', 'echo', 'hello'])).toBe('hello\n');
      expect(await kubectl(['exec', '-i', 'box', '--', 'cat'], 'from outside')).toBe('from outside');
      const failed = await raw(['exec', 'box', '--', 'sh', '-c', 'echo bad >&2; exit 3']);
      expect(failed).toMatchObject({ code: 3 });
      expect(failed.stderr).toContain('bad\n');
      expect((await raw(['exec', 'box', '--', 'no-such-program'])).stderr).toMatch(
        /no-such-program.*(not found|no such file)/i,
      );
      const large = await kubectl([
        'exec',
        'box',
        '--',
        'sh',
        '-c',
        'dd if=/dev/zero bs=1024 count=2048 2>/dev/null | tr "\\0" x',
      ]);
      expect(large).toHaveLength(2048 * 1024);
    });

    it('copies files in and out', async () => {
      const local = `${cluster.dataDir}/copied`;
      await kubectl(['cp', `${cluster.dataDir}/admin.kubeconfig`, 'box:/tmp/copied']);
      await kubectl(['cp', 'box:/tmp/copied', local]);
      const { readFile } = await import('node:fs/promises');
      expect(await readFile(local, 'utf8')).toBe(await readFile(cluster.kubeconfig, 'utf8'));
    });

    it('forwards a port', async () => {
      const env = { KUBECONFIG: cluster.kubeconfig };
      const forwarding = new RunningProgram(program, ['port-forward', 'pod/box', ':8080'], { env });
      try {
        const [, port] = await forwarding.says(/Forwarding from 127\.0\.0\.1:(\d+)/);
        for (let i = 0; i < 3; i++) {
          const page = await new Promise<string>((resolve, reject) => {
            get(`http://127.0.0.1:${port}/index.html`, { agent: false }, (response) => {
              let text = '';
              response.on('data', (chunk) => {
                text += chunk;
              });
              response.once('end', () => resolve(text));
            }).once('error', reject);
          });
          expect(page).toBe('page\n');
        }
      } finally {
        await forwarding.end('SIGTERM');
      }
    });

    it('attaches to a pod that it runs, and removes it', async () => {
      const ran = await raw(
        [
          'run',
          'once',
          '--image=localhost/web:1',
          '--restart=Never',
          '--rm',
          '-i',
          '--command',
          '--',
          'sh',
          '-c',
          'read line; echo "got $line"',
        ],
        'a line\n',
      );
      expect(ran.stdout).toContain('got a line');
      await eventually('the pod to be gone', async () =>
        expect((await raw(['get', 'pod', 'once'])).stderr).toContain('NotFound'),
      );
    });

    it('shows a crashing pod as it is, with its last words', async () => {
      await kubectl([
        'run',
        'crash',
        '--image=localhost/web:1',
        '--command',
        '--',
        'sh',
        '-c',
        'echo last words; exit 7',
      ]);
      await eventually('the back-off to show', async () =>
        expect(await kubectl(['get', 'pod', 'crash'])).toMatch(/CrashLoopBackOff/),
      );
      expect(await kubectl(['logs', 'crash', '--previous'])).toBe('last words\n');
      expect(
        await kubectl([
          'get',
          'pod',
          'crash',
          '-o',
          'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}',
        ]),
      ).toBe('7');
      expect(await kubectl(['describe', 'pod', 'crash'])).toContain(
        'Back-off restarting failed container crash in pod crash_default',
      );
      expect(await kubectl(['delete', 'pod', 'crash', '--grace-period=0', '--force'])).toContain('crash');
    });

    it('says why an image is missing', async () => {
      await kubectl(['run', 'noimage', '--image=127.0.0.1:9/none:1']);
      await eventually('the reason', async () =>
        expect(await kubectl(['get', 'pod', 'noimage'])).toMatch(/ErrImagePull|ImagePullBackOff/),
      );
      await kubectl(['delete', 'pod', 'noimage', '--now']);
    });

    it('cordons, drains, taints and uncordons the node', async () => {
      const node = (await kubectl(['get', 'nodes', '-o', 'name'])).trim();
      const name = node.replace('node/', '');
      await kubectl(['create', 'deployment', 'drained', '--image=localhost/web:1', '--', 'sleep', '3600']);
      await kubectl(['rollout', 'status', 'deployment/drained', '--timeout=60s']);
      await kubectl(['cordon', name]);
      expect(await kubectl(['get', 'nodes'])).toContain('Ready,SchedulingDisabled');
      await kubectl([
        'drain',
        name,
        '--ignore-daemonsets',
        '--pod-selector=app=drained',
        '--grace-period=1',
        '--timeout=60s',
      ]);
      await eventually('the pod to wait for a node', async () => {
        const events = await kubectl([
          'get',
          'events',
          '--field-selector',
          'reason=FailedScheduling',
          '-o',
          'jsonpath={.items[*].message}',
        ]);
        expect(events).toContain('1 node(s) were unschedulable');
      });
      await kubectl(['uncordon', name]);
      await kubectl(['rollout', 'status', 'deployment/drained', '--timeout=60s']);
      await kubectl(['delete', 'deployment', 'drained']);
      await kubectl(['taint', 'nodes', name, 'k=v:NoSchedule']);
      await kubectl(['taint', 'nodes', name, 'k-']);
    });
  });
});
