/** How a webhook is reached: by an address, or by a Service of the cluster. */
import { dnsSubdomainProblems, portNumberProblems } from '../names.ts';
import { type FieldError, invalid, required } from './field-error.ts';

const form = '; desired format: https://host[/path]';

export interface WebhookClient {
  readonly url?: string;
  readonly service?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly path?: string;
    readonly port?: number;
  };
}

export function validateWebhookClient(errors: FieldError[], { url, service }: WebhookClient, path: string): void {
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(path, 'exactly one of url or service is required'));
  } else if (url !== undefined) validateWebhookUrl(errors, url, `${path}.url`);
  else if (service) validateWebhookService(errors, service, `${path}.service`);
}

export function validateWebhookUrl(errors: FieldError[], text: string, path: string): void {
  if (!URL.canParse(text)) {
    // What is no URL at all has neither a scheme nor a host.
    errors.push(invalid(path, '', `'https' is the only allowed URL scheme${form}`));
    errors.push(invalid(path, '', `host must be specified${form}`));
    return;
  }
  const url = new URL(text);
  const scheme = url.protocol.replace(/:$/, '');
  if (scheme !== 'https') errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${form}`));
  if (url.host === '') errors.push(invalid(path, '', `host must be specified${form}`));
  if (url.username !== '' || url.password !== '') {
    const user = url.password === '' ? url.username : `${url.username}:${url.password}`;
    errors.push(invalid(path, user, 'user information is not permitted in the URL'));
  }
  if (url.hash !== '') errors.push(invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '') {
    errors.push(invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL'));
  }
}

function validateWebhookService(
  errors: FieldError[],
  { name, namespace, path: target = '/', port = 443 }: NonNullable<WebhookClient['service']>,
  path: string,
): void {
  if (!name) errors.push(required(`${path}.name`, 'service name is required'));
  if (!namespace) errors.push(required(`${path}.namespace`, 'service namespace is required'));
  const problems = portNumberProblems(port);
  if (problems.length > 0) errors.push(invalid(`${path}.port`, port, `port is not valid: ${problems.join(',')}`));
  if (target === '' || target === '/') return;
  const at = `${path}.path`;
  if (target === '//') {
    errors.push(invalid(at, target, 'segment[0] may not be empty'));
    return;
  }
  if (!target.startsWith('/')) errors.push(invalid(at, target, "must start with a '/'"));
  const segments = target.slice(1).replace(/\/$/, '').split('/');
  segments.forEach((segment, i) => {
    if (segment === '') errors.push(invalid(at, target, `segment[${i}] may not be empty`));
    for (const problem of segment === '' ? [] : dnsSubdomainProblems(segment)) {
      errors.push(invalid(at, target, `segment[${i}]: ${problem}`));
    }
  });
}
