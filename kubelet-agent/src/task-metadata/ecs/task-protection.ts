/**
 * `/api/ID/task-protection/v1/state`: a task keeps its service from ending it while it works. It is the Task's own spec that is written, as
 * UpdateTaskProtection of the ECS API does; the API server lets a node write this field of the tasks whose pods it runs, and no other.
 */
import { isStatus, StatusError } from '@slipway/api/status-error';
import { ecsGroup, type Task } from '@slipway/api/ecs/kinds';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import { deadlineSignal } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import { formatTime } from '@slipway/kit/clock';
import type { MetadataAnswer } from '../metadata-form.ts';

export const protectionMinutes = { min: 1, max: 2_880, default: 120 } as const;
const callTimeoutMs = 5_000;

export interface ProtectionDeps {
  readonly transport: Transport;
  readonly clock: Clock;
}

export interface ProtectedTask {
  readonly namespace: string;
  readonly name: string;
  readonly taskArn: string;
}

interface ProtectionWish {
  readonly protectionEnabled: boolean;
  readonly expiresInMinutes: number;
}

export async function answerProtection(
  { method, body }: { readonly method: string; readonly body: string },
  task: ProtectedTask,
  deps: ProtectionDeps,
  signal: AbortSignal,
): Promise<MetadataAnswer> {
  if (method !== 'GET' && method !== 'PUT') return failed(405, 'InvalidParameterException', `${method} is not served`);
  const wish = method === 'PUT' ? parseWish(body) : undefined;
  if (typeof wish === 'string') return failed(400, 'InvalidParameterException', wish, task.taskArn);
  const inTime = AbortSignal.any([signal, deadlineSignal(deps.clock, callTimeoutMs)]);
  try {
    const found = await readTask(task, deps.transport, inTime);
    if (found.spec.serviceName === undefined) return notOfService(task.taskArn);
    const now = wish ? await writeTask(task, wish, deps, inTime) : found;
    return { status: 200, body: { protection: shownProtection(now, task.taskArn, deps.clock.nowMs()) } };
  } catch (error) {
    return refused(error, task.taskArn);
  }
}

/** A text says what is wrong. */
export function parseWish(body: string): ProtectionWish | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'The body must be a JSON object with ProtectionEnabled and, if wanted, ExpiresInMinutes.';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'The body must be a JSON object.';
  const wish = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(wish).find((key) => key !== 'ProtectionEnabled' && key !== 'ExpiresInMinutes');
  if (unknown !== undefined) return `The body has the field ${unknown}, which is not known.`;
  const { ProtectionEnabled: protectionEnabled, ExpiresInMinutes = protectionMinutes.default } = wish;
  if (protectionEnabled === undefined) return 'The field ProtectionEnabled is missing.';
  if (typeof protectionEnabled !== 'boolean') return 'ProtectionEnabled must be true or false.';
  const { min, max } = protectionMinutes;
  const expiresInMinutes = Number(ExpiresInMinutes);
  const isNumber = typeof ExpiresInMinutes === 'number' && Number.isInteger(ExpiresInMinutes);
  if (!isNumber || expiresInMinutes < min || expiresInMinutes > max) {
    return `ExpiresInMinutes must be a whole number between ${min} and ${max}.`;
  }
  return { protectionEnabled, expiresInMinutes };
}

function pathOf({ namespace, name }: ProtectedTask): ResourcePath {
  return { group: ecsGroup, version: 'v1', resource: 'tasks', namespace, name };
}

async function readTask(task: ProtectedTask, transport: Transport, signal: AbortSignal): Promise<Task> {
  return (await transport.send({ verb: 'get', path: pathOf(task) }, signal)) as Task;
}

async function writeTask(
  task: ProtectedTask,
  { protectionEnabled, expiresInMinutes }: ProtectionWish,
  { transport, clock }: ProtectionDeps,
  signal: AbortSignal,
): Promise<Task> {
  const expirationDate = formatTime(clock.nowMs() + expiresInMinutes * 60_000);
  const body = { spec: { protection: protectionEnabled ? { expirationDate } : null } };
  const options = { fieldManager: 'task-protection' };
  const request = { verb: 'patch', patchType: 'merge', path: pathOf(task), body, options } as const;
  return (await transport.send(request, signal)) as Task;
}

function shownProtection({ spec }: Task, taskArn: string, nowMs: number): object {
  const expirationDate = spec.protection?.expirationDate;
  const isProtected = expirationDate !== undefined && Date.parse(expirationDate) > nowMs;
  return { ExpirationDate: isProtected ? expirationDate : null, ProtectionEnabled: isProtected, TaskArn: taskArn };
}

/** No error to ECS: an answer that says why nothing was done. */
function notOfService(taskArn: string): MetadataAnswer {
  const detail = 'Task protection is for tasks of services.';
  return { status: 200, body: { failure: { Arn: taskArn, Detail: detail, Reason: 'TASK_NOT_VALID' } } };
}

function refused(error: unknown, taskArn: string): MetadataAnswer {
  if (isStatus(error, 'NotFound')) {
    return { status: 200, body: { failure: { Arn: taskArn, Detail: null, Reason: 'MISSING' } } };
  }
  if (error instanceof StatusError && isStatus(error, 'Forbidden')) {
    return failed(400, 'AccessDeniedException', error.message, taskArn);
  }
  const text = 'The API server does not answer; try again.';
  if (!(error instanceof StatusError)) return failed(504, 'RequestCanceled', text, taskArn);
  return failed(500, 'ServerException', error.message, taskArn);
}

function failed(status: number, code: string, message: string, taskArn?: string): MetadataAnswer {
  const arn = taskArn === undefined ? {} : { Arn: taskArn };
  return { status, body: { error: { ...arn, Code: code, Message: message } } };
}

export function noTask(): MetadataAnswer {
  return failed(404, 'ResourceNotFoundException', 'Failed to find a task for the request');
}
