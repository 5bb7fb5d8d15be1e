/** `aws ecs execute-command` as its user sees it, into real containers: awscli is unmodified, its session-manager-plugin is ours. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { freePorts } from '../cluster/free-ports.ts';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { RunningProgram } from '../harness/running-program.ts';
import { repositoryRoot } from '../tidy/sources.ts';

const needs = { ...containerNeeds, programs: [...containerNeeds.programs, 'aws'] };

describeWith(missingCapability(needs), 'aws ecs execute-command', () => {
  let cluster: Cluster;
  let directory: string;
  let env: Record<string, string>;
  let endpoint: string;
  let task = '';

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    cluster = await newCluster({ flags: ['--ecs-port', String(port)] });
    directory = await mkdtemp(join(tmpdir(), 'slipway-exec-'));
    endpoint = `http://127.0.0.1:${port}`;
    const plugin = join(directory, 'session-manager-plugin');
    const node = join(repositoryRoot, 'node_modules/.bin/node');
    const program = join(repositoryRoot, 'e2e/ecs/session/plugin.ts');
    await writeFile(plugin, `#!/bin/sh\nexec '${node}' '${program}' "$@"\n`);
    await chmod(plugin, 0o755);
    const keys = { AWS_ACCESS_KEY_ID: 'AKIAEXEC', AWS_SECRET_ACCESS_KEY: 'secret', AWS_DEFAULT_REGION: 'eu-central-1' };
    env = { PATH: `${directory}:${process.env.PATH}`, ...keys, AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '' };
    await cluster.up();
    await loadExampleImage(cluster, 'localhost/web:1');
    const secret = ['create', 'secret', 'generic', 'exec-key', '--type=slipway.dev/aws-access-key'];
    const data = { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY, user: 'alice' };
    const literals = Object.entries(data).map(([name, value]) => `--from-literal=${name}=${value}`);
    await cluster.kubectl(['-n', 'kube-system', ...secret, ...literals]);
    await cluster.kubectl(['create', 'clusterrolebinding', 'alice', '--clusterrole=slipway:ecs', '--user=alice']);
    await aws(['create-cluster']);
    const containers = ['web', 'Side_Car'].map((name) => ({
      ...{ name, image: 'localhost/web:1', memory: 32, command: ['sleep', '1000'] },
    }));
    const definitions = ['--container-definitions', JSON.stringify(containers)];
    await aws(['register-task-definition', '--family', 'web', '--network-mode', 'awsvpc', ...definitions]);
    const network = ['--network-configuration', 'awsvpcConfiguration={subnets=[default]}'];
    const ran = await aws(['run-task', '--task-definition', 'web', '--enable-execute-command', ...network]);
    task = JSON.parse(ran).tasks[0].taskArn;
    await aws(['wait', 'tasks-running', '--tasks', task]);
  });

  afterAll(async () => {
    await cluster.remove();
    await rm(directory, { recursive: true });
  });

  async function aws(args: readonly string[], service = 'ecs'): Promise<string> {
    const whole = [service, '--endpoint-url', endpoint, '--output', 'json', ...args];
    const ran = await run('aws', whole, { env });
    if (ran.code !== 0) throw new Error(`aws ${args[0]}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** Its input stays open, as a terminal does. */
  function execute(container: string, command: string): RunningProgram {
    const what = ['--task', task, '--container', container, '--interactive', '--command', command];
    return new RunningProgram('aws', ['ecs', '--endpoint-url', endpoint, 'execute-command', ...what], {
      env,
      holdsInput: true,
    });
  }

  it('is a shell in the container: what is typed runs there, Ctrl-C too, and its end is told', async () => {
    const session = execute('web', '/bin/sh');
    await session.says(/Starting session with SessionId: ecs-execute-command-\w+[\s\S]*# /);
    const type = (text: string) => session.child.stdin?.write(text);
    type('stty size; echo is$((40+2)) $(cat /proc/1/cmdline | tr "\\0" " ")\r');
    await session.says(/100 300\r\nis42 sleep 1000/);
    type('sleep 999\r');
    await eventually('the sleep', async () => {
      expect(await cluster.kubectl(['exec', taskId(), '-c', 'web', '--', 'ps'])).toContain('sleep 999');
    });
    type('\x03');
    type('echo after $?\r');
    await session.says(/after 130/);
    type('exit 3\r');
    await session.says(/SessionId: ecs-execute-command-\w+ : command terminated with exit code 3/);
    expect(await session.ended).toBe(0);
  });

  it('reaches the container that is named', async () => {
    const session = execute('Side_Car', 'sh -c "echo $0-$(( 6 * 7 )) && hostname" words');
    expect(await session.ended).toBe(0);
    expect(session.output).toContain('words-42');
    expect(session.output).toMatch(/Exiting session with sessionId: ecs-execute-command-\w+\./);
  });

  it('brings four megabytes', async () => {
    const session = execute('web', 'dd if=/dev/zero bs=1024 count=4096');
    expect(await session.ended).toBe(0);
    expect(session.output.split('\0').length - 1).toBe(4 * 1024 * 1024);
  });

  it('says what is wrong', async () => {
    const session = execute('web', 'nosuch');
    expect(await session.ended).toBe(0);
    expect(session.output).toMatch(/SessionId: .* : .*"nosuch": executable file not found in \$PATH/);
    const refused = execute('none', 'sh');
    expect(await refused.ended).not.toBe(0);
    expect(refused.errors).toContain('The task has no container none. It has: web, Side_Car.');
  });

  it('leaves nothing behind when the session is terminated from elsewhere', async () => {
    const session = execute('web', 'sleep 998');
    const [, id = ''] = await session.says(/SessionId: (\S+)/);
    const processes = () => cluster.kubectl(['exec', taskId(), '-c', 'web', '--', 'ps']);
    await eventually('the sleep', async () => expect(await processes()).toContain('sleep 998'));
    await aws(['terminate-session', '--session-id', id], 'ssm');
    expect(await session.ended).toBe(0);
    await eventually('its end', async () => expect(await processes()).not.toContain('sleep 998'));
    expect(await cluster.kubectl(['get', 'events'])).toMatch(
      new RegExp(`ExecuteCommand.*task/.*alice opened the session ${id} in`),
    );
  });

  const taskId = () => task.split('/').at(-1) ?? '';
});
