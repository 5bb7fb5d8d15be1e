/** The `authorizer` of expressions: `authorizer.group('apps').resource('deployments').namespace('x').check('get').allowed()`. */
import { bool, type CelType, objectOf, opaque, string } from '@slipway/cel/cel-type';
import type { Overload } from '@slipway/cel/functions/overload';
import { CelOpaque } from '@slipway/cel/values';
import type { AdmissionDeps, AdmissionRequest } from '../plugin.ts';

const name = (short: string) => `kubernetes.authorization.${short}`;
const pathCheckType = opaque(name('PathCheck'));
const groupCheckType = opaque(name('GroupCheck'));
const resourceCheckType = opaque(name('ResourceCheck'));
const decisionType = opaque(name('Decision'));

/** Its one field asks about the resource of the request itself. */
export const authorizerType: CelType = objectOf(name('Authorizer'), { requestResource: resourceCheckType });

interface Asked {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

type User = AdmissionRequest['user'];

class Opaque extends CelOpaque {
  readonly typeName: string;
  constructor(typeName: string) {
    super();
    this.typeName = typeName;
  }
  equals(other: CelOpaque): boolean {
    return other === this;
  }
}

class ResourceCheck extends Opaque {
  readonly user: User;
  readonly asked: Asked;
  readonly deps: AdmissionDeps;
  constructor(user: User, asked: Asked, deps: AdmissionDeps) {
    super(name('ResourceCheck'));
    this.user = user;
    this.asked = asked;
    this.deps = deps;
  }
  with(more: Partial<Asked>): ResourceCheck {
    return new ResourceCheck(this.user, { ...this.asked, ...more }, this.deps);
  }
}

class PathCheck extends Opaque {
  readonly path: string;
  readonly user: User;
  readonly deps: AdmissionDeps;
  constructor(user: User, path: string, deps: AdmissionDeps) {
    super(name('PathCheck'));
    this.user = user;
    this.path = path;
    this.deps = deps;
  }
}

class Decision extends Opaque {
  readonly allowed: boolean;
  constructor(allowed: boolean) {
    super(name('Decision'));
    this.allowed = allowed;
  }
}

/** What an expression gets as `authorizer`: a plain object, so that its field is read as one. */
interface AuthorizerValue {
  readonly requestResource: ResourceCheck;
}

const nothing: Asked = { group: '', resource: '', subresource: '', namespace: '', name: '' };

export function authorizerValue(request: AdmissionRequest, deps: AdmissionDeps): AuthorizerValue {
  const { user, api, subresource = '', namespace = '', name: objectName = '' } = request;
  const asked = { group: api.group, resource: api.resource, subresource, namespace, name: objectName };
  return { requestResource: new ResourceCheck(user, asked, deps) };
}

/** Decisions are made in this process, and remembered. Upstream counts 350,000, for an authoriser somewhere else. */
const checkCost = 1000;

function member(
  called: string,
  parameters: readonly CelType[],
  result: CelType,
  run: (...args: never[]) => unknown,
  cost = 1,
): Overload {
  return {
    name: called,
    isMember: true,
    parameters,
    result,
    run: (args) => run(...args),
    cost: { of: () => cost },
  };
}

const check = ({ user, asked, deps }: ResourceCheck, verb: string) => new Decision(deps.may(user, verb, asked));

export const authorizerOverloads: readonly Overload[] = [
  member('path', [authorizerType, string], pathCheckType, ({ requestResource }: AuthorizerValue, path: string) => {
    return new PathCheck(requestResource.user, path, requestResource.deps);
  }),
  member('group', [authorizerType, string], groupCheckType, ({ requestResource }: AuthorizerValue, group: string) => {
    return new ResourceCheck(requestResource.user, { ...nothing, group }, requestResource.deps);
  }),
  member(
    'serviceAccount',
    [authorizerType, string, string],
    authorizerType,
    ({ requestResource }: AuthorizerValue, namespace: string, account: string): AuthorizerValue => {
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
      const user = { name: `system:serviceaccount:${namespace}:${account}`, groups };
      return { requestResource: new ResourceCheck(user, requestResource.asked, requestResource.deps) };
    },
  ),
  member('resource', [groupCheckType, string], resourceCheckType, (each: ResourceCheck, resource: string) =>
    each.with({ resource }),
  ),
  member('subresource', [resourceCheckType, string], resourceCheckType, (each: ResourceCheck, subresource: string) =>
    each.with({ subresource }),
  ),
  member('namespace', [resourceCheckType, string], resourceCheckType, (each: ResourceCheck, namespace: string) =>
    each.with({ namespace }),
  ),
  member('name', [resourceCheckType, string], resourceCheckType, (each: ResourceCheck, objectName: string) =>
    each.with({ name: objectName }),
  ),
  member('check', [resourceCheckType, string], decisionType, check, checkCost),
  member(
    'check',
    [pathCheckType, string],
    decisionType,
    ({ user, path, deps }: PathCheck, verb: string) => new Decision(deps.mayPath(user, verb, path)),
    checkCost,
  ),
  member('allowed', [decisionType], bool, ({ allowed }: Decision) => allowed),
  member('errored', [decisionType], bool, () => false),
  member('reason', [decisionType], string, () => ''),
  member('error', [decisionType], string, () => ''),
];
