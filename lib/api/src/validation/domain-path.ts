import { dnsSubdomainProblems } from '../names.ts';
import { type FieldError, invalid, pushInvalid, required } from './field-error.ts';

const pathFormat = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathShape = new RegExp(`^${pathFormat}$`);

/** `example.com/what`: who of the outside world is meant. */
export function validateDomainPath(errors: FieldError[], text: string, path: string): void {
  if (text === '') {
    errors.push(required(path));
    return;
  }
  const slash = text.indexOf('/');
  if (slash <= 0 || slash === text.length - 1) {
    errors.push(invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'));
    return;
  }
  const host = text.slice(0, slash);
  pushInvalid(errors, path, host, dnsSubdomainProblems(host));
  const rest = text.slice(slash + 1);
  if (!pathShape.test(rest)) {
    errors.push(invalid(path, rest, `Invalid path (regex used for validation is '${pathFormat}')`));
  }
}
