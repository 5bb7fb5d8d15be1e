/** The ECS API of one server, put together in one place. */
import type { AddressInfo } from 'node:net';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Authorizer } from '../../authz/access-request.ts';
import type { Limits } from '../../config.ts';
import type { KeyPair } from '../../pki/issue-certificate.ts';
import type { UserInfo } from '../../registry/strategy.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { PodCommands } from '../../streaming/pod-commands.ts';
import { Arns } from './identity/arns.ts';
import { checkInput, exceptionOf } from './model/check-input.ts';
import { refusedOperations, type ServedOperation } from './model/served-operations.ts';
import { operations } from './operations.ts';
import { type Handler, JsonBytes, type OperationContext } from './operations/context.ts';
import { Sessions } from './session/sessions.ts';
import { ssmOperation, ssmTargetPrefix } from './session/ssm-operations.ts';
import { JoinedBytes } from './shown/joined-bytes.ts';
import { TaskDefinitionIndex } from './task-definition-index.ts';
import { UserObjects } from './user-objects.ts';
import { AccessKeys, type Caller } from './wire/access-keys.ts';
import { accessDenied, refusals, unsupportedFeature } from './wire/ecs-error.ts';
import { invalidFields } from './wire/exception-from.ts';
import { EcsServer, type RequestFacts } from './wire/ecs-server.ts';

export interface EcsDialectDeps {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Twelve digits. */
  readonly accountId: string;
  readonly tls: KeyPair;
  readonly limits: Limits;
  readonly objects: ObjectStore;
  readonly authorizer: Authorizer;
  readonly transport: (user: UserInfo) => Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  readonly commands: PodCommands;
  /** PEM: every server of the cluster has the same one. */
  readonly tokenKey: string;
}

export interface EcsDialect {
  /** Throws an error of one line when the address is taken. */
  listen(): Promise<AddressInfo>;
  useCertificate(pair: KeyPair): void;
  close(givingUp: AbortSignal): Promise<void>;
}

/** Writes down who opened a session: nobody needs the right to write Events for it. */
const platformUser: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

export function createEcsDialect(deps: EcsDialectDeps): EcsDialect {
  const { objects, clock, random, accountId } = deps;
  const keys = new AccessKeys(objects, clock);
  const definitions = new TaskDefinitionIndex(objects);
  const joined = new JoinedBytes();
  const sessions = new Sessions({ ...deps, transport: deps.transport(platformUser) });

  async function perform(
    operation: string,
    input: unknown,
    caller: Caller,
    { signal, reachedAt, requestBytes }: RequestFacts,
  ): Promise<string | JsonBytes> {
    if (operation.startsWith(ssmTargetPrefix)) {
      const { user } = caller;
      return JSON.stringify(
        ssmOperation(operation.slice(ssmTargetPrefix.length), input, { sessions, user, reachedAt }),
      );
    }
    const handler = handlerOf(operation);
    if (!handler) throw notServed(operation);
    const checked = checkInput(operation, input);
    const arns = new Arns(caller.region, accountId);
    const userObjects = new UserObjects(deps, caller.user, signal);
    const context: OperationContext = {
      caller,
      arns,
      objects: userObjects,
      definitions,
      random,
      nowMs: clock.nowMs(),
      requestBytes,
      joined,
      sessions,
      reachedAt,
    };
    try {
      await userObjects.refresh();
      const output = await handler(checked as never, context);
      return output instanceof JsonBytes ? output : JSON.stringify(output);
    } catch (error) {
      if (isStatus(error, 'Invalid')) throw exceptionOf(operation, invalidFields(error));
      if (!isStatus(error, 'Forbidden')) throw error;
      const who = arns.user(caller.user.name);
      throw accessDenied(`User: ${who} is not authorized to perform: ecs:${operation}: ${(error as Error).message}`);
    }
  }

  const server = new EcsServer({
    ...deps,
    keys,
    perform,
    upgrade: (request, socket, head) => sessions.upgrade(request, socket, head),
  });
  return {
    listen: () => server.listen(),
    useCertificate: (pair) => server.useCertificate(pair),
    async close(givingUp) {
      await Promise.all([server.close(givingUp), sessions.close(givingUp)]);
      keys.close();
      definitions.close();
    },
  };
}

function handlerOf(operation: string): Handler | undefined {
  return Object.hasOwn(operations, operation) ? operations[operation as ServedOperation] : undefined;
}

function notServed(operation: string) {
  const reason = Object.hasOwn(refusedOperations, operation) ? refusedOperations[operation] : undefined;
  if (reason === undefined) return refusals.unknownOperation();
  return unsupportedFeature(`${operation} is not served by this platform: ${reason}.`);
}
