import { existsSync, readdirSync } from 'node:fs';
import { readFile, readlink, rename } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { mountPointsBelow } from './kernel/mounts.ts';
import type { LocalRuntime } from './local-runtime.ts';
import { logMessages, missingForRuntime, TestNode, until } from './testing/test-runtime.ts';

const runtimes = [
  { name: 'crun', missing: await missingForRuntime('crun') },
  { name: 'runc', missing: await missingForRuntime('runc') },
];
const signal = neverAborted;

describe.each(runtimes)('local runtime over $name', ({ name: runtimeName, missing }) =>
  describeWith(missing, 'sandboxes and containers', () => {
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
    const exited = (id: string) =>
      until(async () => {
        const found = await status(id);
        return found.state === 'CONTAINER_EXITED' && found;
      });
    const sh = (script: string) => ['sh', '-c', script];
    const execSync = (containerId: string, ...cmd: string[]) =>
      runtime.execSync({ containerId, cmd, timeoutMs: 0 }, signal);

    it('is ready and says so', async () => {
      expect(await runtime.status(signal)).toEqual([
        expect.objectContaining({ type: 'RuntimeReady', status: true }),
        expect.objectContaining({ type: 'NetworkReady', status: true }),
      ]);
    });

    it('runs a pod with its own name, hosts, resolver, loopback, user, environment and a CRI log', async () => {
      const script =
        'hostname; cat /etc/resolv.conf; grep pod /etc/hosts; id; echo $A; echo problem >&2; printf partial';
      const config = node.containerConfig(sh(script), { envs: [{ key: 'A', value: 'b c' }] }, { runAsUser: 1000 });
      const { sandboxId, containerId, logFile } = await node.run(runtime, config);
      const sandbox = await runtime.podSandboxStatus(sandboxId, signal);
      expect(sandbox).toMatchObject({ state: 'SANDBOX_READY', network: { ip: '192.0.2.7', additionalIps: [] } });
      expect(await exited(containerId)).toMatchObject({ exitCode: 0, reason: 'Completed' });
      const { name } = sandbox.metadata;
      expect((await logMessages(logFile)).filter((message) => message !== 'problem')).toEqual([
        name,
        'search svc.cluster.local',
        'nameserver 192.0.2.53',
        'options ndots:5',
        `192.0.2.7\t${name}`,
        'uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)',
        'b c',
        'partial',
      ]);
      const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
      expect(lines.every((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ (stdout|stderr) [PF] /.test(line))).toBe(
        true,
      );
      expect(lines.find((line) => line.endsWith('problem'))).toContain(' stderr F ');
      expect(lines.find((line) => line.endsWith('partial'))).toContain(' stdout P ');
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('confines a container and takes away what the pod takes away', async () => {
      const show = sh(
        'grep -E "^(CapEff|Seccomp|NoNewPrivs):" /proc/self/status; touch /x && echo written; mount -t tmpfs t /tmp || echo no mount',
      );
      const strict = {
        capabilities: { addCapabilities: [], dropCapabilities: ['ALL'] },
        noNewPrivs: true,
        readonlyRootfs: true,
      };
      const { sandboxId, containerId, logFile } = await node.run(runtime, node.containerConfig(show, {}, strict));
      await exited(containerId);
      const messages = await logMessages(logFile);
      expect(messages).toEqual(
        expect.arrayContaining(['CapEff:\t0000000000000000', 'NoNewPrivs:\t1', 'Seccomp:\t2', 'no mount']),
      );
      expect(messages).not.toContain('written');
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it.each([
      ['nope', 'commandNotFound', 127, 'executable file not found in $PATH'],
      ['/etc/not-executable', 'commandNotExecutable', 126, 'ermission denied'],
    ])('says why %s cannot be started', async (command, reason, exitCode, message) => {
      const sandboxId = await runtime.runPodSandbox(node.podConfig(), signal);
      const containerId = await runtime.createContainer(sandboxId, node.containerConfig([command]), signal);
      expect(await status(containerId)).toMatchObject({ state: 'CONTAINER_CREATED' });
      await expect(runtime.startContainer(containerId, signal)).rejects.toMatchObject({
        reason,
        message: expect.stringContaining(message),
      });
      expect(await status(containerId)).toMatchObject({ state: 'CONTAINER_EXITED', exitCode, reason: 'StartError' });
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('tells of starts and ends, with the exit code', async () => {
      const stop = new AbortController();
      const changes = runtime.changes(stop.signal);
      const { sandboxId, containerId } = await node.run(runtime, node.containerConfig(sh('exit 3')));
      const types: string[] = [];
      for await (const event of changes) {
        if (event.containerId !== containerId) continue;
        types.push(event.containerEventType);
        if (event.containerEventType === 'CONTAINER_STOPPED_EVENT') break;
      }
      stop.abort();
      expect(types).toEqual(['CONTAINER_CREATED_EVENT', 'CONTAINER_STARTED_EVENT', 'CONTAINER_STOPPED_EVENT']);
      expect(await status(containerId)).toMatchObject({ exitCode: 3, reason: 'Error' });
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('stops by signal, and by force when that is ignored', async () => {
      const waits = 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done';
      const polite = await node.run(runtime, node.containerConfig(sh(waits)));
      // Before its trap is set, the kernel keeps the signal from a PID 1.
      await until(async () => (await logMessages(polite.logFile)).length > 0);
      await runtime.stopContainer(polite.containerId, 10_000, signal);
      expect(await status(polite.containerId)).toMatchObject({ exitCode: 5 });
      const stubborn = await node.run(runtime, node.containerConfig(sh('trap "" TERM; while :; do sleep 1; done')));
      await runtime.stopContainer(stubborn.containerId, 100, signal);
      expect(await status(stubborn.containerId)).toMatchObject({ exitCode: 137, reason: 'Error' });
      await runtime.stopContainer(stubborn.containerId, 100, signal);
      await Promise.all([polite, stubborn].map(({ sandboxId }) => runtime.removePodSandbox(sandboxId, signal)));
    });

    it('calls it OOMKilled', async () => {
      const eat = sh('x=a; while :; do x=$x$x$x$x; done');
      const config = node.containerConfig(eat);
      const limited = {
        ...config,
        linux: { ...config.linux, resources: { memoryLimitInBytes: 24 << 20, memorySwapLimitInBytes: 24 << 20 } },
      };
      const { sandboxId, containerId } = await node.run(runtime, limited);
      expect(await exited(containerId)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('executes commands as the user and with the groups of the container, with and without a terminal', async () => {
      const user = { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [3000, 4000] };
      const { containerId } = await node.run(runtime, node.containerConfig(['sleep', '999'], {}, user));
      const expected = '1000 2000 2000 3000 4000';
      const cmd = sh('echo $(id -u) $(id -g) $(id -G)');
      expect((await execSync(containerId, ...cmd)).stdout.toString().trim()).toBe(expected);
      const terminal = await runtime.exec({ containerId, cmd, tty: true, stdin: false }, signal);
      let printed = '';
      terminal.stdout?.on('data', (chunk) => {
        printed += chunk;
      });
      expect(await terminal.exitCode).toBe(0);
      await until(async () => printed.trim() === expected);
    });

    it('executes commands with streams, exit codes, time limits and terminals', async () => {
      const { sandboxId, containerId } = await node.run(runtime, node.containerConfig(['sleep', '1000']));
      const answer = await execSync(containerId, ...sh('echo out; echo err >&2; exit 7'));
      expect([answer.stdout.toString(), answer.stderr.toString(), answer.exitCode]).toEqual(['out\n', 'err\n', 7]);
      await expect(execSync(containerId, 'nope')).rejects.toMatchObject({ reason: 'commandNotFound' });
      const late = runtime.execSync({ containerId, cmd: ['sleep', '999'], timeoutMs: 200 }, signal);
      await expect(late).rejects.toMatchObject({ reason: 'deadlineExceeded' });
      await until(async () => !(await execSync(containerId, 'ps')).stdout.toString().includes('sleep 999'));

      const piped = await runtime.exec({ containerId, cmd: ['cat'], tty: false, stdin: true }, signal);
      piped.stdin?.end('through');
      expect(await text(piped.stdout)).toBe('through');
      expect(await piped.exitCode).toBe(0);

      const terminal = await runtime.exec({ containerId, cmd: ['sh'], tty: true, stdin: true }, signal);
      const seen = collect(terminal.stdout);
      await terminal.resize({ width: 91, height: 33 });
      terminal.stdin?.write('stty size; echo is$((40+2))\n');
      await until(async () => seen().includes('is42'));
      await terminal.resize({ width: 101, height: 44 });
      await until(async () => {
        terminal.stdin?.write('stty size\n');
        return seen().includes('44 101');
      });
      terminal.stdin?.write('exit 9\n');
      expect(await terminal.exitCode).toBe(9);
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('attaches to streams, and input ends with the client when it is to', async () => {
      const config = node.containerConfig(sh('while read line; do echo got $line; done; echo over'), {
        stdin: true,
        stdinOnce: true,
      });
      const { sandboxId, containerId, logFile } = await node.run(runtime, config);
      const session = await runtime.attach({ containerId, stdin: true, tty: false }, signal);
      const seen = collect(session.stdout);
      const long = 'x'.repeat(20_000);
      session.stdin?.write('one\n');
      session.stdin?.end(`${long}\n`);
      expect(await exited(containerId)).toMatchObject({ exitCode: 0 });
      await session.closed;
      expect(seen()).toBe(`got one\ngot ${long}\nover\n`);
      expect((await logMessages(logFile)).at(-1)).toBe('over');
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('forwards ports and refuses where nobody listens', async () => {
      const { sandboxId } = await node.run(
        runtime,
        node.containerConfig(sh('while :; do echo hello | nc -l -p 8080; done')),
      );
      const connection = await until(() => runtime.portForward(sandboxId, 8080, signal).catch(() => undefined));
      connection.end();
      expect(await text(connection)).toBe('hello\n');
      await expect(runtime.portForward(sandboxId, 9, signal)).rejects.toMatchObject({ reason: 'unavailable' });
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('writes on in a new file after the log was rotated', async () => {
      const script = sh('i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done');
      const { sandboxId, containerId, logFile } = await node.run(runtime, node.containerConfig(script));
      await until(async () => (await logMessages(logFile)).length > 3);
      await rename(logFile, `${logFile}.1`);
      await runtime.reopenContainerLog(containerId, signal);
      await until(async () => (await logMessages(logFile)).length > 3);
      const all = [...(await logMessages(`${logFile}.1`)), ...(await logMessages(logFile))];
      expect(all).toEqual(all.map((_, index) => `line ${index}`));
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('shares a PID namespace in a pod, with someone to reap', async () => {
      const shared = { network: 'POD', pid: 'POD', ipc: 'POD' } as const;
      const pod = node.podConfig({ namespaceOptions: shared });
      const { sandboxId, containerId } = await node.run(
        runtime,
        node.containerConfig(['sleep', '1000'], {}, { namespaceOptions: shared }),
        pod,
      );
      const second = { metadata: { name: 'second', attempt: 0 }, logPath: 'second/0.log' };
      const other = await runtime.createContainer(
        sandboxId,
        node.containerConfig(['sleep', '2000'], second, { namespaceOptions: shared }),
        signal,
      );
      await runtime.startContainer(other, signal);
      await execSync(containerId, ...sh('(sh -c "exit 0" & ) ; exit 0'));
      const listed = (await execSync(containerId, 'ps')).stdout.toString();
      expect(listed).toMatch(/1 \S+ .*\/pause/);
      expect(listed).toContain('sleep 2000');
      expect(listed).not.toMatch(/\bZ\b/);
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it("runs in the host's namespaces with all privileges", async () => {
      const host = { network: 'NODE', pid: 'NODE', ipc: 'NODE' } as const;
      const script = sh(
        'for n in net pid ipc; do readlink /proc/self/ns/$n; done; grep -E "^(CapEff|Seccomp):" /proc/self/status; sleep 1000',
      );
      const security = { namespaceOptions: host, privileged: true };
      const pod = { ...node.podConfig({ namespaceOptions: host, privileged: true }), hostname: '' };
      const { sandboxId, containerId, logFile } = await node.run(
        runtime,
        node.containerConfig(script, {}, security),
        pod,
      );
      const messages = await until(async () => {
        const found = await logMessages(logFile);
        return found.length === 5 && found;
      });
      const ours = await Promise.all(['net', 'pid', 'ipc'].map((kind) => readlink(`/proc/self/ns/${kind}`)));
      const capabilities = /^CapBnd:\t(.*)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1];
      expect(messages).toEqual([...ours, `CapEff:\t${capabilities}`, 'Seccomp:\t0']);
      expect((await execSync(containerId, 'ls', '/dev/kmsg', '/dev/null')).exitCode).toBe(0);
      expect(await runtime.podSandboxStatus(sandboxId, signal)).toMatchObject({ network: { ip: '' }, netnsPath: '' });
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('measures, and changes limits of what runs', async () => {
      const { sandboxId, containerId } = await node.run(
        runtime,
        node.containerConfig(sh('echo x > /tmp/file; sleep 1000')),
      );
      const stats = await until(async () => {
        const found = await runtime.containerStats(containerId, signal);
        return found.memory.usageBytes > 0 && found.cpu.usageCoreNanoSeconds > 0n && found;
      });
      expect(stats.processCount).toBeGreaterThan(0);
      expect((await runtime.podSandboxStats(sandboxId, signal)).linux.containers).toHaveLength(1);
      await runtime.updateContainerResources(containerId, { memoryLimitInBytes: 128 << 20 }, signal);
      expect((await status(containerId)).resources.linux.memoryLimitInBytes).toBe(128 << 20);
      const usage = await until(async () => {
        const found = await runtime.writableLayerUsage(containerId, signal);
        return found.usedBytes > 0 && found;
      });
      expect(usage.inodesUsed).toBeGreaterThan(1);
      await runtime.removePodSandbox(sandboxId, signal);
    });

    it('leaves nothing of a pod behind', async () => {
      const before = readdirSync('/proc/self/fd').length;
      const { sandboxId, containerId } = await node.run(runtime, node.containerConfig(['sleep', '1000']));
      const cgroups = (await readFile(`/proc/${(await status(containerId)).pid}/cgroup`, 'utf8')).split('\n');
      await runtime.removePodSandbox(sandboxId, signal);
      await runtime.removePodSandbox(sandboxId, signal);
      expect(await runtime.listPodSandboxes({ id: sandboxId }, signal)).toEqual([]);
      expect(await runtime.listContainers({ id: containerId }, signal)).toEqual([]);
      expect(node.tornDown).toContain(sandboxId);
      expect(node.heldImages.has(containerId)).toBe(false);
      expect(
        (await mountPointsBelow(node.dataDir)).filter(
          (point) => point.includes(sandboxId) || point.includes(containerId),
        ),
      ).toEqual([]);
      const memory = cgroups.find((line) => /memory|^0::/.test(line))?.split(':')[2] ?? '';
      expect(memory).toContain(containerId);
      expect(existsSync(`/sys/fs/cgroup/memory${memory}`) || existsSync(`/sys/fs/cgroup${memory}`)).toBe(false);
      expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
    });
  }),
);

describe.each(runtimes)('local runtime over $name', ({ name: runtimeName, missing }) =>
  describeWith(missing, 'after a kill -9 of the agent', () => {
    it('adopts what runs, sees what ended meanwhile, and can remove everything', async () => {
      const node = await TestNode.create(runtimeName);
      const first = await node.startAgent();
      const lives = await node.run(first, node.containerConfig(['sleep', '1000']));
      const ends = await node.run(first, node.containerConfig(['sh', '-c', 'sleep 0.3; exit 4']));
      const { pid } = await first.containerStatus(lives.containerId, signal);
      node.killAgent();
      await until(async () => existsSync(`${node.dataDir}/runtime/exits/${ends.containerId}`));

      const second = await node.startAgent();
      expect(await second.containerStatus(lives.containerId, signal)).toMatchObject({
        state: 'CONTAINER_RUNNING',
        pid,
      });
      expect(await second.containerStatus(ends.containerId, signal)).toMatchObject({
        state: 'CONTAINER_EXITED',
        exitCode: 4,
      });
      const answer = await second.execSync(
        { containerId: lives.containerId, cmd: ['echo', 'still here'], timeoutMs: 0 },
        signal,
      );
      expect(answer.stdout.toString()).toBe('still here\n');
      await second.stopContainer(lives.containerId, 0, signal);
      expect(await second.containerStatus(lives.containerId, signal)).toMatchObject({ exitCode: 137 });

      // conmon and container killed behind everybody's back: nobody wrote an exit code.
      const third = await node.run(second, node.containerConfig(['sleep', '1000']));
      node.killAgent();
      const conmonPid = Number(
        await readFile(`${node.dataDir}/runtime/containers/${third.containerId}/conmon.pid`, 'utf8'),
      );
      const { pid: containerPid } = await second.containerStatus(third.containerId, signal);
      process.kill(conmonPid, 'SIGKILL');
      process.kill(containerPid, 'SIGKILL');
      await until(async () => !existsSync(`/proc/${containerPid}`));
      const last = await node.startAgent();
      expect(await last.containerStatus(third.containerId, signal)).toMatchObject({
        state: 'CONTAINER_EXITED',
        reason: 'ContainerStatusUnknown',
      });

      await node.run(last, node.containerConfig(['sleep', '1000']));
      expect(await last.removeEverything(signal)).toEqual([]);
      expect(await last.removeEverything(signal)).toEqual([]);
      expect(await mountPointsBelow(node.dataDir)).toEqual([]);
      expect(existsSync(`${node.dataDir}/runtime`)).toBe(false);
      await node.destroy(last);
    });
  }),
);

function collect(stream: Readable): () => string {
  let seen = '';
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  stream.on('error', () => {});
  return () => seen;
}
