/** Kinds that are only asked, never stored: who am I, may I, may somebody. */
import { apiVersionOf, type ApiResource, builtInResources } from '@slipway/api/resources';
import { decodeObject } from '@slipway/api/schema/decode';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type {
  KubeObject,
  LocalSubjectAccessReview,
  PolicyRule,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenReview,
} from '@slipway/api/types';
import { invariant } from '@slipway/kit/invariant';
import type { TokenAuthenticator } from '../authn/token-outcome.ts';
import type { Authorizer } from '../authz/access-request.ts';
import { nodeNameOf } from '../authz/node-authorizer.ts';
import { badRequest } from '../registry/status-errors.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { Answer } from './answer.ts';
import { reviewAccess, reviewLocalAccess, reviewOwnAccess } from './access-reviews.ts';
import type { Incoming } from './incoming.ts';

export interface ReviewResource {
  readonly api: ApiResource;
  /** The status of the review. */
  review(object: KubeObject, user: UserInfo, namespace: string | undefined): object;
}

export interface ReviewDeps {
  readonly authorizer: Authorizer;
  readonly rulesFor: (user: UserInfo, namespace: string | undefined) => readonly PolicyRule[];
  readonly tokens: TokenAuthenticator;
  readonly apiAudiences: readonly string[];
}

export function reviewResources(deps: ReviewDeps): readonly ReviewResource[] {
  const { authorizer } = deps;
  return [
    {
      api: apiOf('authentication.k8s.io', 'selfsubjectreviews'),
      review: (_object, user) => ({ userInfo: userInfoOf(user) }),
    },
    {
      api: apiOf('authentication.k8s.io', 'tokenreviews'),
      review: (object) => reviewToken(object as TokenReview, deps),
    },
    {
      api: apiOf('authorization.k8s.io', 'selfsubjectaccessreviews'),
      review: (object, user) => reviewOwnAccess(object as SelfSubjectAccessReview, user, authorizer),
    },
    {
      api: apiOf('authorization.k8s.io', 'subjectaccessreviews'),
      review: (object) => reviewAccess(object as SubjectAccessReview, authorizer),
    },
    {
      api: apiOf('authorization.k8s.io', 'localsubjectaccessreviews'),
      review: (object, _user, namespace) =>
        reviewLocalAccess(object as LocalSubjectAccessReview, namespace, authorizer),
    },
    {
      api: apiOf('authorization.k8s.io', 'selfsubjectrulesreviews'),
      review: (object, user) => reviewRules(object as SelfSubjectRulesReview, user, deps),
    },
  ];
}

export function answerReview({ api, review }: ReviewResource, incoming: Incoming, user: UserInfo): Answer {
  const schema = builtInSchemas.kind(api);
  invariant(schema, `there is a schema of ${api.kind}`);
  const { value } = incoming.readBody(api.kind);
  const decoded = decodeObject(schema, value ?? {}, { fieldValidation: incoming.options.fieldValidation || 'Warn' });
  incoming.warnings.push(...decoded.warnings);
  const { kind: _, apiVersion: __, metadata, ...rest } = decoded.object;
  const object = { kind: api.kind, apiVersion: apiVersionOf(api), metadata: metadata ?? {}, ...rest } as KubeObject;
  const status = review(object, user, incoming.address.namespace);
  return { kind: 'object', code: 201, object: { ...object, status } };
}

function apiOf(group: string, resource: string): ApiResource {
  const api = builtInResources.find((candidate) => candidate.group === group && candidate.resource === resource);
  invariant(api, `the table of resources has ${resource}.${group}`);
  return api;
}

function userInfoOf({ name, uid, groups, extra }: UserInfo): object {
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra ? { extra } : {}) };
}

function reviewRules({ spec }: SelfSubjectRulesReview, user: UserInfo, deps: ReviewDeps): object {
  if (!spec?.namespace) throw badRequest('no namespace on request');
  const isNode = nodeNameOf(user) !== undefined;
  const rules = deps.rulesFor(user, spec.namespace);
  return {
    resourceRules: rules
      .filter(({ resources }) => resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames?.length ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: isNode,
    ...(isNode ? { evaluationError: 'node authorizer does not support user rule resolution' } : {}),
  };
}

function reviewToken({ spec }: TokenReview, { tokens, apiAudiences }: ReviewDeps): object {
  if (!spec.token) throw badRequest('token is required for TokenReview in authentication');
  const asked = spec.audiences?.length ? spec.audiences : apiAudiences;
  const outcome = tokens.authenticate(spec.token, asked);
  if (outcome?.kind === 'user') {
    return { authenticated: true, user: userInfoOf(outcome.user), audiences: outcome.audiences };
  }
  return { user: {}, error: outcome ? `[invalid bearer token, ${outcome.reason}]` : 'invalid bearer token' };
}
