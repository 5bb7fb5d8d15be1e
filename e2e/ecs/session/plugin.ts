/**
 * What `aws ecs execute-command` finds under the name of `session-manager-plugin` in tests: it is started with the arguments of AWS' plugin, opens
 * the session, joins it to its own input and output, and goes on with it by ResumeSession when the connection breaks.
 *
 *   session-manager-plugin SESSION REGION StartSession PROFILE PARAMETERS ENDPOINT
 */
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { SessionClient } from './session-client.ts';

const [sessionJson, region = '', operation, profile, parameters = '', endpoint = ''] = process.argv.slice(2);

if (sessionJson === undefined) {
  process.stdout.write(
    '\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n',
  );
} else if (operation !== 'StartSession' || profile === undefined || !/^ecs:/.test(JSON.parse(parameters).Target)) {
  process.stdout.write('Invalid Operation');
} else {
  process.exitCode = await run(JSON.parse(sessionJson));
}

async function run(session: { sessionId: string; streamUrl: string; tokenValue: string }): Promise<number> {
  const { sessionId, streamUrl, tokenValue } = session;
  process.stdout.write(`\nStarting session with SessionId: ${sessionId}\n`);
  const client = new SessionClient({
    streamUrl,
    token: tokenValue,
    terminalAfterMs: 50,
    onOutput: (bytes) => process.stdout.write(bytes),
  });
  const timedOut = Promise.withResolvers<string>();
  client.onLost = () => {
    resumeToken(sessionId).then(
      (token) => (token === undefined ? timedOut.resolve('timed out') : client.open(token)),
      timedOut.reject,
    );
  };
  await client.open();
  await Promise.race([client.ready, client.ended]);
  if (client.notice !== '') process.stdout.write(`${client.notice}\n`);
  client.resize(process.stdout.columns ?? 300, process.stdout.rows ?? 100);
  process.stdout.on('resize', () => client.resize(process.stdout.columns, process.stdout.rows));
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.on('data', (bytes: Buffer) => client.type(bytes));
  const lastWords = await Promise.race([client.ended, timedOut.promise]);
  const goodbye =
    lastWords === '' ? `Exiting session with sessionId: ${sessionId}.` : `SessionId: ${sessionId} : ${lastWords}`;
  process.stdout.write(`\n\n${goodbye}\n\n`);
  process.stdin.destroy();
  return 0;
}

/** With AWS' own client; it signs for Systems Manager. */
async function resumeToken(sessionId: string): Promise<string | undefined> {
  const args = ['ssm', 'resume-session', '--session-id', sessionId, '--region', region, '--endpoint-url', endpoint];
  const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']));
  const { stdout } = await exec('aws', [...args, '--output', 'json'], { env, signal: neverAborted });
  return JSON.parse(stdout.toString()).TokenValue;
}
