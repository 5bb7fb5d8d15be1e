import type { Random } from '@slipway/kit/random';
import type { Arns } from '../identity/arns.ts';
import type { TaskDefinitionIndex } from '../task-definition-index.ts';
import type { JoinedBytes } from '../shown/joined-bytes.ts';
import type { UserObjects } from '../user-objects.ts';
import type { Sessions } from '../session/sessions.ts';
import type { Caller } from '../wire/access-keys.ts';

/** What an operation works with: the caller, and the platform as the caller may use it. */
export interface OperationContext {
  readonly caller: Caller;
  readonly arns: Arns;
  readonly objects: UserObjects;
  readonly definitions: TaskDefinitionIndex;
  readonly random: Random;
  readonly nowMs: number;
  readonly requestBytes: number;
  readonly joined: JoinedBytes;
  readonly sessions: Sessions;
  /** How the caller addresses this server: `https://HOST:PORT`. */
  readonly reachedAt: string;
}

/** JSON already: the bytes that go out, in parts. */
export class JsonBytes {
  readonly parts: readonly Buffer[];

  constructor(parts: readonly Buffer[]) {
    this.parts = parts;
  }
}

/** Answers the output of the operation: a value, or its JSON. Throws EcsError, or StatusError of the registry. */
export type Handler = (input: never, context: OperationContext) => Promise<unknown> | unknown;
