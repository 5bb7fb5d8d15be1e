import { type Status, StatusError, type StatusReason, statusCodes } from '@slipway/api/status-error';

/** What a failed answer is when its body is no Status: a proxy or another server has spoken. */
const reasonByCode: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Text of a foreign body that goes into a message. */
const excerptLength = 200;

export function statusErrorFromBody(code: number, body: string): StatusError {
  const status = parseStatus(body);
  if (status) return statusErrorFromStatus(status);
  const excerpt = body.trim().slice(0, excerptLength);
  const reason = reasonByCode[code] ?? 'InternalError';
  return new StatusError(reason, `the server answered ${code}${excerpt ? `: ${excerpt}` : ''}`, { code });
}

export function statusErrorFromStatus(status: Status): StatusError {
  const code = status.code ?? 500;
  const known = status.reason !== undefined && status.reason in statusCodes;
  const reason = known ? (status.reason as StatusReason) : (reasonByCode[code] ?? 'InternalError');
  return new StatusError(reason, status.message ?? `the server answered ${code}`, {
    code,
    ...(status.details ? { details: status.details } : {}),
  });
}

function parseStatus(body: string): Status | undefined {
  if (!body.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isStatusObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStatusObject(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
