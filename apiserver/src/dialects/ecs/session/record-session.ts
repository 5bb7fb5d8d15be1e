import type { Transport } from '@slipway/api/transport';
import { neverAborted } from '@slipway/kit/abort';
import { formatTime } from '@slipway/kit/clock';
import { ecsGroup, ecsVersion } from '../kinds.ts';
import type { OpenClaims } from './session-token.ts';

/**
 * Writes an Event of the session's name about its task: who opened a session in which container. The command is left out; it may hold secrets. Throws StatusError AlreadyExists when the session was opened before. Events
 * are kept for longer than a token holds.
 */
export async function recordSession(claims: OpenClaims, transport: Transport, nowMs: number): Promise<void> {
  const { session, user, namespace, task, containerName } = claims;
  const now = formatTime(nowMs);
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: session, namespace },
    involvedObject: {
      apiVersion: `${ecsGroup}/${ecsVersion}`,
      kind: 'Task',
      namespace,
      name: task.name,
      uid: task.uid,
    },
    reason: 'ExecuteCommand',
    message: `${user.name} opened the session ${session} in container ${containerName}`,
    type: 'Normal',
    source: { component: 'ecs' },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
  const path = { group: '', version: 'v1', resource: 'events', namespace };
  await transport.send({ verb: 'create', path, body }, neverAborted);
}
