import type { PolicyRule } from '@slipway/api/types';
import type { AccessRequest, ResourceAccess } from './access-request.ts';
import { ruleAllows } from './rule-match.ts';

/** The rules of one role, sorted by what they are about: of a role with many, a request looks at a few. */
export class RoleRules {
  readonly all: readonly PolicyRule[];
  readonly #byResource = new Map<string, PolicyRule[]>();
  readonly #ofPaths: readonly PolicyRule[];

  constructor(rules: readonly PolicyRule[]) {
    this.all = rules;
    this.#ofPaths = rules.filter(({ nonResourceURLs }) => nonResourceURLs?.length);
    for (const rule of rules) {
      for (const resource of new Set(rule.resources)) {
        const known = this.#byResource.get(resource);
        if (known) known.push(rule);
        else this.#byResource.set(resource, [rule]);
      }
    }
  }

  allows(request: AccessRequest): boolean {
    if (request.kind === 'path') return allowedByOne(this.#ofPaths, request);
    return (
      this.#allowsAt(resourceOf(request), request) ||
      this.#allowsAt('*', request) ||
      (request.subresource !== '' && this.#allowsAt(`*/${request.subresource}`, request))
    );
  }

  #allowsAt(resource: string, request: AccessRequest): boolean {
    const rules = this.#byResource.get(resource);
    return rules !== undefined && allowedByOne(rules, request);
  }
}

function resourceOf({ resource, subresource }: ResourceAccess): string {
  return subresource === '' ? resource : `${resource}/${subresource}`;
}

function allowedByOne(rules: readonly PolicyRule[], request: AccessRequest): boolean {
  for (const rule of rules) if (ruleAllows(rule, request)) return true;
  return false;
}
