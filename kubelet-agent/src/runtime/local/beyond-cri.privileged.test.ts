import { readFile, readlink } from 'node:fs/promises';
import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import type { LocalRuntime } from './local-runtime.ts';
import { logMessages, missingForRuntime, TestNode, until } from './testing/test-runtime.ts';

const runtimes = [
  { name: 'crun', missing: await missingForRuntime('crun') },
  { name: 'runc', missing: await missingForRuntime('runc') },
];
const signal = neverAborted;
const namespaces = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const sh = (script: string) => ['sh', '-c', script];

describe.each(runtimes)('local runtime over $name', ({ name: runtimeName, missing }) =>
  describeWith(missing, 'what CRI has no words for', () => {
    let node: TestNode;
    let runtime: LocalRuntime;

    beforeAll(async () => {
      node = await TestNode.create(runtimeName);
      runtime = await node.startAgent();
    });
    afterAll(async () => {
      await node.destroy(runtime);
    });

    const status = (id: string) => runtime.containerStatus(id, signal);

    it('gives limits, memory file systems, devices, a user and namespaces of its own', async () => {
      const linux = {
        resources: {},
        securityContext: {
          namespaceOptions: { ...namespaces, network: 'CONTAINER', ipc: 'CONTAINER' },
          runAsUsername: 'app:extra',
        },
        beyondCri: {
          rlimits: [
            { name: 'nofile', soft: 100, hard: 200 },
            { name: 'core', soft: 0, hard: -1 },
          ],
          tmpfs: [{ containerPath: '/scratch', options: ['nosuid', 'noexec', 'exec', 'mode=0700', 'size=65536'] }],
        },
      } as const;
      const script =
        'grep -E "^Max (open files|core file)" /proc/self/limits | tr -s " "; grep -E " /(scratch|dev/shm) " /proc/mounts; ' +
        'id; ls /sys/class/net; ls /dev/null-of-the-node; readlink /proc/self/ns/ipc; sleep 1000';
      const devices = [{ hostPath: '/dev/null', containerPath: '/dev/null-of-the-node', permissions: 'rw' }];
      const config = { ...node.containerConfig(sh(script), { devices }), linux };
      const { sandboxId, containerId, logFile } = await node.run(runtime, config);
      const messages = await until(async () => {
        const found = await logMessages(logFile);
        return found.some((line) => line.startsWith('ipc:')) && found;
      });
      expect(messages).toEqual(
        expect.arrayContaining([
          'Max open files 100 200 files ',
          'Max core file size 0 unlimited bytes ',
          expect.stringMatching(/^tmpfs \/scratch tmpfs rw,nosuid,.*size=64k,mode=700/),
          expect.stringMatching(/^shm \/dev\/shm tmpfs .*size=65536k/),
          'uid=1000(app) gid=2000(extra) groups=2000(extra)',
          'lo',
          '/dev/null-of-the-node',
        ]),
      );
      expect(messages.find((line) => line.includes(' /scratch '))).not.toContain('noexec');
      // Neither those of the pod nor those of the node.
      expect(messages).not.toContain(await readlink('/proc/self/ns/ipc'));
      expect(
        (await runtime.execSync({ containerId, cmd: sh('ls /sys/class/net'), timeoutMs: 0 }, signal)).stdout.toString(),
      ).toBe('lo\n');
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('has an init process that reaps, so that a program without handlers ends by its signal', async () => {
      const base = node.containerConfig(sh('(sh -c "sleep 0.01 & exit 0"); echo ready; sleep 1000'));
      const config = { ...base, linux: { ...base.linux, beyondCri: { init: true } } };
      const { sandboxId, containerId, logFile } = await node.run(runtime, config);
      await until(async () => (await logMessages(logFile)).length > 0);
      const listed = await until(async () => {
        const { stdout } = await runtime.execSync({ containerId, cmd: ['ps'], timeoutMs: 0 }, signal);
        return !stdout.toString().includes('sleep 0.01') && stdout.toString();
      });
      expect(listed).toMatch(/1 \S+ .*\/pause/);
      expect(listed).not.toMatch(/\bZ\b/);
      const { pid } = await status(containerId);
      const parent = /^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
      expect(parent).not.toBe('0');
      // As PID 1 it would not have noticed: it has no handler.
      await runtime.stopContainer(containerId, 10_000, signal);
      expect(await status(containerId)).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 143 });
      await runtime.removePodSandbox(sandboxId, signal);
    });
  }),
);
