/**
 * What a request asks for besides its object, from the query string or from an in-process caller, checked as upstream checks it:
 * unknown parameters are ignored, malformed ones refused.
 */
import type { FieldValidation } from '@slipway/api/schema/decode';
import type { RequestOptions, WatchRequest } from '@slipway/api/transport';
import {
  type FieldError,
  forbidden,
  invalidError,
  notSupported,
  required,
  tooLong,
} from '@slipway/api/validation/field-error';
import type { DeleteOptions } from './finalizers.ts';
import { badRequest } from './status-errors.ts';

export interface CallOptions {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
  readonly watch?: boolean | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly fieldManager?: string | undefined;
  readonly fieldValidation?: FieldValidation | undefined;
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  /** Of a delete, when they come as parameters; the body wins. */
  readonly deletion?: DeleteOptions | undefined;
}

/** Of a request that asks for nothing besides: most of them. */
const noOptions: CallOptions = Object.freeze({ dryRun: false });

/** Throws StatusError BadRequest for what is no number or truth value. */
export function optionsFromQuery(query: URLSearchParams, method: string): CallOptions {
  if (query.size === 0) return noOptions;
  const text = (name: string) => query.get(name) || undefined;
  const integer = (name: string) => parseInteger(query.get(name));
  const truth = (name: string) => parseTruth(query.get(name));
  return {
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    limit: integer('limit'),
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch') as CallOptions['resourceVersionMatch'],
    watch: truth('watch'),
    allowWatchBookmarks: truth('allowWatchBookmarks'),
    sendInitialEvents: truth('sendInitialEvents'),
    timeoutSeconds: integer('timeoutSeconds'),
    fieldManager: text('fieldManager'),
    fieldValidation: text('fieldValidation') as FieldValidation | undefined,
    force: truth('force'),
    dryRun: parseDryRun(query.getAll('dryRun'), method),
    deletion: deletionFromQuery(query),
  };
}

/** Of an in-process caller, whose types say already what is allowed. */
export function optionsFromRequest(options: RequestOptions & NonNullable<WatchRequest['options']>): CallOptions {
  const { dryRun, ...rest } = options;
  return { ...rest, ...(dryRun ? { dryRun: true } : {}) };
}

function deletionFromQuery(query: URLSearchParams): DeleteOptions | undefined {
  const gracePeriodSeconds = parseInteger(query.get('gracePeriodSeconds'));
  const propagationPolicy = query.get('propagationPolicy');
  const orphanDependents = parseTruth(query.get('orphanDependents'));
  if (gracePeriodSeconds === undefined && !propagationPolicy && orphanDependents === undefined) return undefined;
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy ? { propagationPolicy: propagationPolicy as 'Background' } : {}),
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
  };
}

function parseInteger(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (/^[+-]?\d{1,18}$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** As upstream: everything but `false` and `0` means yes. */
function parseTruth(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  return text !== 'false' && text !== '0';
}

function parseDryRun(values: readonly string[], method: string): boolean {
  const wanted = values.filter((value) => value !== '');
  const unknown = wanted.find((value) => value !== 'All');
  if (unknown === undefined) return wanted.length > 0;
  throw invalidError(optionsKindOfMethod[method] ?? 'DeleteOptions', 'meta.k8s.io', '', [
    notSupported('dryRun', unknown, ['All']),
  ]);
}

const managerBytesMax = 128;
const fieldValidations = ['', 'Ignore', 'Strict', 'Warn'];

/** The rules between the options of a write. Throws StatusError Invalid. */
export function checkWriteOptions(options: CallOptions, verb: string, isApply: boolean): void {
  const errors: FieldError[] = [];
  const { fieldManager = '', fieldValidation = '' } = options;
  if (Buffer.byteLength(fieldManager) > managerBytesMax) errors.push(tooLong('fieldManager', managerBytesMax));
  if (isApply && fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'));
  if (verb === 'patch' && !isApply && options.force !== undefined) {
    errors.push(forbidden('force', 'may not be specified for non-apply patch'));
  }
  if (!fieldValidations.includes(fieldValidation)) {
    errors.push(notSupported('fieldValidation', fieldValidation, fieldValidations));
  }
  if (errors.length > 0) throw invalidError(optionsKinds[verb] ?? 'CreateOptions', 'meta.k8s.io', '', errors);
}

const optionsKindOfMethod: Readonly<Record<string, string>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

const optionsKinds: Readonly<Record<string, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
};

/** The rules between the options of a list or a watch. Throws StatusError Invalid. */
export function checkListOptions(options: CallOptions, isWatch: boolean): void {
  const errors = isWatch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw invalidError('ListOptions', 'meta.k8s.io', '', errors);
}

const matchField = 'resourceVersionMatch';

function listErrors(options: CallOptions): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion = '' } = options;
  const errors: FieldError[] = [];
  if (match !== undefined) {
    if (resourceVersion === '') {
      errors.push(forbidden(matchField, `${matchField} is forbidden unless resourceVersion is provided`));
    }
    if (options.continue) errors.push(forbidden(matchField, `${matchField} is forbidden when continue is provided`));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported(matchField, match, ['Exact', 'NotOlderThan', '']));
    } else if (match === 'Exact' && resourceVersion === '0') {
      errors.push(forbidden(matchField, `${matchField} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return errors;
}

function watchErrors(options: CallOptions): FieldError[] {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(forbidden(matchField, `sendInitialEvents requires setting ${matchField} to NotOlderThan`));
  }
  if (match === undefined) return errors;
  if (sendInitialEvents === undefined) {
    errors.push(forbidden(matchField, `${matchField} is forbidden for watch unless sendInitialEvents is provided`));
  }
  if (match !== 'NotOlderThan') errors.push(notSupported(matchField, match, ['NotOlderThan']));
  if (options.continue) errors.push(forbidden(matchField, `${matchField} is forbidden when continue is provided`));
  return errors;
}
