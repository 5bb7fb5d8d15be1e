/** Kinds that take part in admission. All of them are about a resource that nobody serves, and so about no request. */
import { describeKind, type KindRules } from './kind-rules.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const group = 'admissionregistration.k8s.io';
const rule = { operations: ['CREATE'], apiGroups: ['nobody.example.com'], apiVersions: ['v1'], resources: ['things'] };
const webhook = {
  name: 'a.nobody.example.com',
  clientConfig: { service: { name: 's', namespace: 'n' } },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const hooks = (change: object) => ({ webhooks: [{ ...webhook, ...change }] });
const defaults = {
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: 10,
  clientConfig: { service: { port: 443 } },
  rules: [{ scope: '*' }],
};

const validatingWebhook: KindRules = {
  apiVersion: `${group}/v1`,
  kind: 'ValidatingWebhookConfiguration',
  resource: 'validatingwebhookconfigurations',
  namespaced: false,
  minimal: { webhooks: [webhook] },
  defaults: { webhooks: [defaults] },
  generation: 1,
  refused: [
    [
      hooks({ name: 'a.b' }),
      'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
    ],
    [{ webhooks: [webhook, webhook] }, 'webhooks[1].name: Duplicate value: "a.nobody.example.com"'],
    [
      hooks({ sideEffects: 'Some' }),
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
    ],
    [hooks({ sideEffects: null }), 'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
    [
      hooks({ admissionReviewVersions: [] }),
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
    [
      hooks({ admissionReviewVersions: ['v9'] }),
      'webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1',
    ],
    [
      hooks({ clientConfig: {} }),
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
    ],
    [
      hooks({ clientConfig: { url: 'http://a.example.com' } }),
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    ],
    [
      hooks({ clientConfig: { url: 'https://u:p@a.example.com?x=y' } }),
      'webhooks[0].clientConfig.url: Invalid value: "x=y": query parameters are not permitted in the URL',
    ],
    [
      hooks({ clientConfig: { service: { name: 's', namespace: 'n', path: 'x' } } }),
      `webhooks[0].clientConfig.service.path: Invalid value: "x": must start with a '/'`,
    ],
    [
      hooks({ timeoutSeconds: 31 }),
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
    [hooks({ rules: [{ ...rule, operations: [] }] }), 'webhooks[0].rules[0].operations: Required value'],
    [
      hooks({ rules: [{ ...rule, operations: ['*', 'CREATE'] }] }),
      `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
    ],
    [
      hooks({ rules: [{ ...rule, operations: ['READ'] }] }),
      'webhooks[0].rules[0].operations[0]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
    ],
    [
      hooks({ rules: [{ ...rule, resources: ['a/*', 'a/b'] }] }),
      `webhooks[0].rules[0].resources[1]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b`,
    ],
    [
      hooks({ rules: [{ ...rule, scope: 'All' }] }),
      'webhooks[0].rules[0].scope: Unsupported value: "All": supported values: "*", "Cluster", "Namespaced"',
    ],
    [
      hooks({ matchConditions: [{ name: '', expression: 'true' }] }),
      'webhooks[0].matchConditions[0].name: Required value',
    ],
  ],
  changes: [hooks({ ...defaults, clientConfig: { url: 'https://b.example.com/x' }, rules: [{ ...rule, scope: '*' }] })],
  columns: ['Name', 'Webhooks', 'Age'],
};

const mutatingWebhook: KindRules = {
  ...validatingWebhook,
  kind: 'MutatingWebhookConfiguration',
  resource: 'mutatingwebhookconfigurations',
  defaults: { webhooks: [{ ...defaults, reinvocationPolicy: 'Never' }] },
  refused: [
    [
      hooks({ reinvocationPolicy: 'Always' }),
      'webhooks[0].reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"',
    ],
  ],
  changes: [],
};

const matchConstraints = { resourceRules: [rule] };
const policy: KindRules = {
  apiVersion: `${group}/v1`,
  kind: 'ValidatingAdmissionPolicy',
  resource: 'validatingadmissionpolicies',
  namespaced: false,
  minimal: { spec: { matchConstraints, validations: [{ expression: 'true' }] } },
  defaults: {
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: [{ scope: '*' }],
      },
    },
  },
  generation: 1,
  refused: [
    [{ spec: { matchConstraints: null } }, 'spec.matchConstraints: Required value'],
    [{ spec: { matchConstraints: { resourceRules: [] } } }, 'spec.matchConstraints.resourceRules: Required value'],
    [
      { spec: { validations: null } },
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
    ],
    [
      { spec: { validations: [{ expression: ' ' }] } },
      'spec.validations[0].expression: Required value: expression is not specified',
    ],
    [
      { spec: { validations: [{ expression: 'true', reason: 'Bad' }] } },
      'spec.validations[0].reason: Unsupported value: "Bad": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"',
    ],
    [{ spec: { paramKind: { apiVersion: 'v1' } } }, 'spec.paramKind.kind: Required value'],
    [
      { spec: { variables: [{ name: '1a', expression: 'true' }] } },
      'spec.variables[0].name: Invalid value: "1a": name is not a valid CEL identifier',
    ],
    [
      { spec: { failurePolicy: 'Ask' } },
      'spec.failurePolicy: Unsupported value: "Ask": supported values: "Fail", "Ignore"',
    ],
  ],
  changes: [{ spec: { failurePolicy: 'Ignore' } }],
  status: { accepted: { observedGeneration: 1 } },
  columns: ['Name', 'Validations', 'ParamKind', 'Age'],
};

const policyBinding: KindRules = {
  apiVersion: `${group}/v1`,
  kind: 'ValidatingAdmissionPolicyBinding',
  resource: 'validatingadmissionpolicybindings',
  namespaced: false,
  minimal: { spec: { policyName: 'nobody', validationActions: ['Deny'] } },
  generation: 1,
  refused: [
    [{ spec: { policyName: null } }, 'spec.policyName: Required value'],
    [
      { spec: { validationActions: null } },
      'spec.validationActions: Required value: at least one validation action is required',
    ],
    [{ spec: { validationActions: ['Deny', 'Warn'] } }, 'must not contain both Deny and Warn'],
    [
      { spec: { paramRef: { parameterNotFoundAction: 'Deny' } } },
      'spec.paramRef: Required value: one of name or selector must be specified',
    ],
    [{ spec: { paramRef: { name: 'x' } } }, 'spec.paramRef.parameterNotFoundAction: Required value'],
    [
      { spec: { paramRef: { name: 'x', selector: {}, parameterNotFoundAction: 'Deny' } } },
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
    ],
  ],
  changes: [{ spec: { validationActions: ['Audit'] } }],
  columns: ['Name', 'PolicyName', 'ParamRef', 'Age'],
};

const mutatingPolicy: KindRules = {
  apiVersion: `${group}/v1`,
  kind: 'MutatingAdmissionPolicy',
  resource: 'mutatingadmissionpolicies',
  namespaced: false,
  minimal: {
    spec: {
      matchConstraints,
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }],
    },
  },
  defaults: { spec: { failurePolicy: 'Fail' } },
  generation: 1,
  refused: [
    [{ spec: { mutations: null } }, 'spec.mutations: Required value'],
    [
      { spec: { mutations: [{ patchType: 'Sed' }] } },
      'spec.mutations[0].patchType: Unsupported value: "Sed": supported values: "ApplyConfiguration", "JSONPatch"',
    ],
    [{ spec: { reinvocationPolicy: null } }, 'spec.reinvocationPolicy: Required value'],
  ],
  changes: [{ spec: { failurePolicy: 'Ignore' } }],
  columns: ['Name', 'Created At'],
};

const mutatingBinding: KindRules = {
  apiVersion: `${group}/v1`,
  kind: 'MutatingAdmissionPolicyBinding',
  resource: 'mutatingadmissionpolicybindings',
  namespaced: false,
  minimal: { spec: { policyName: 'nobody' } },
  generation: 1,
  refused: [[{ spec: { policyName: null } }, 'spec.policyName: Required value']],
  changes: [{ spec: { policyName: 'somebody' } }],
  columns: ['Name', 'Created At'],
};

for (const rules of [validatingWebhook, mutatingWebhook, policy, policyBinding, mutatingPolicy, mutatingBinding]) {
  describeKind(target, rules);
}
