/**
 * The two operations of Systems Manager that a client of Session Manager needs to go on with a session or to end it. The plugin sends them to the endpoint that awscli was given,
 * which is this one, signed for `ssm`.
 */
import type { UserInfo } from '../../../registry/strategy.ts';
import { EcsError, refusals } from '../wire/ecs-error.ts';
import type { Sessions } from './sessions.ts';

export const ssmTargetPrefix = 'AmazonSSM.';

/** Without a token in the answer to ResumeSession the client tells its user that the session timed out. */
export function ssmOperation(
  operation: string,
  input: unknown,
  { sessions, user, reachedAt }: { readonly sessions: Sessions; readonly user: UserInfo; readonly reachedAt: string },
): object {
  const { SessionId: session } = input as { readonly SessionId?: unknown };
  if (typeof session !== 'string' || session === '') {
    throw new EcsError('ValidationException', "Member 'SessionId' must not be null.");
  }
  switch (operation) {
    case 'ResumeSession': {
      const resumed = sessions.resume(session, user, reachedAt);
      if (!resumed) return { SessionId: session };
      return { SessionId: session, TokenValue: resumed.tokenValue, StreamUrl: resumed.streamUrl };
    }
    case 'TerminateSession':
      sessions.terminate(session, user);
      return { SessionId: session };
    default:
      throw refusals.unknownOperation();
  }
}
