/** The AWS command line, unmodified but for `--endpoint-url`: over plain HTTP on the loopback, and over TLS with the cluster's CA. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec, ExecError } from '@slipway/kit/exec';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { adminKey, type EcsTestServer, region, startEcsServer } from './ecs-server.ts';

describeWith(missingCapability({ programs: ['aws'] }), 'the AWS command line', () => {
  let server: EcsTestServer;
  let home: string;

  beforeAll(async () => {
    server = await startEcsServer();
    home = await mkdtemp(join(tmpdir(), 'slipway-aws-'));
  });

  afterAll(async () => {
    await server.stop();
    await rm(home, { recursive: true });
  });

  const environment = () => ({
    HOME: home,
    AWS_ACCESS_KEY_ID: adminKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: adminKey.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    AWS_PAGER: '',
  });

  async function aws(args: readonly string[], env: Readonly<Record<string, string>> = {}, url = server.url) {
    const all = { PATH: process.env.PATH ?? '', ...environment(), ...env };
    const whole = ['ecs', ...args, '--endpoint-url', url, '--output', 'json'];
    const { stdout, stderr } = await exec('aws', whole, { env: all, signal: neverAborted }).catch((error: unknown) => {
      if (error instanceof ExecError) return error;
      throw error;
    });
    return { stdout: stdout.toString(), stderr };
  }

  it('registers, runs, waits and lists in pages', async () => {
    const file = join(home, 'web.json');
    const containerDefinitions = [{ name: 'web', image: 'registry.example/web:1', memory: 64 }];
    await writeFile(file, JSON.stringify({ family: 'web', containerDefinitions }));
    await aws(['create-cluster']);
    const registered = await aws(['register-task-definition', '--cli-input-json', `file://${file}`]);
    expect(JSON.parse(registered.stdout).taskDefinition).toMatchObject({ family: 'web', revision: 1 });
    const ran = await aws(['run-task', '--task-definition', 'web', '--count', '3']);
    const arns: string[] = JSON.parse(ran.stdout).tasks.map(({ taskArn }: { taskArn: string }) => taskArn);
    for (const arn of arns) {
      await server.setStatus('tasks', arn.split('/').at(-1) ?? '', { lastStatus: 'RUNNING' }, 'default');
    }
    expect((await aws(['wait', 'tasks-running', '--tasks', ...arns])).stderr).toBe('');
    const listed = await aws(['list-tasks', '--page-size', '1']);
    expect(JSON.parse(listed.stdout).taskArns.sort()).toEqual([...arns].sort());
  }, 30_000);

  it('speaks TLS with the CA of the cluster', async () => {
    const url = server.url.replace('http:', 'https:');
    const done = await aws(['list-task-definition-families'], { AWS_CA_BUNDLE: server.caFile }, url);
    expect(JSON.parse(done.stdout).families).toEqual(['web']);
    expect((await aws(['list-task-definition-families'], {}, url)).stderr).toContain('SSL validation failed');
  }, 30_000);

  it('shows what is wrong', async () => {
    const said = async (args: readonly string[], env = {}) => (await aws(args, env)).stderr;
    expect(await said(['list-tasks'], { AWS_SECRET_ACCESS_KEY: 'no' })).toContain(
      '(InvalidSignatureException) when calling the ListTasks',
    );
    expect(await said(['list-tasks'], { AWS_ACCESS_KEY_ID: 'no' })).toContain(
      '(UnrecognizedClientException) when calling the ListTasks',
    );
    // Versions differ in whether they tell of retries that they did not make.
    expect(await said(['list-tasks', '--cluster', 'no'])).toMatch(
      /\(ClusterNotFoundException\) when calling the ListTasks operation( \(.*\))?: Cluster not found\./,
    );
  }, 30_000);
});
