import type {
  APIService,
  CertificateSigningRequest,
  ClusterRoleBinding,
  ComponentStatus,
  ConfigMap,
  Event,
  EventsV1Event,
  Lease,
  MutatingWebhookConfiguration,
  Namespace,
  Node,
  PriorityClass,
  ResourceQuota,
  RoleBinding,
  RuntimeClass,
  Secret,
  ServiceAccount,
  Subject,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '@slipway/api/types';
import { age, nameOf, selectorText, since } from './cells.ts';
import { humanDuration } from './human-duration.ts';
import { boolean, definePrinter, integer, wide } from './printer.ts';

export const nodePrinter = definePrinter<Node>(
  [
    'Name',
    'Status',
    'Roles',
    'Age',
    'Version',
    wide('Internal-IP'),
    wide('External-IP'),
    wide('OS-Image'),
    wide('Kernel-Version'),
    wide('Container-Runtime'),
  ],
  (node, nowMs) => {
    const { nodeInfo, addresses = [] } = node.status ?? {};
    const address = (type: string) => addresses.find((candidate) => candidate.type === type)?.address ?? '<none>';
    return [
      nameOf(node),
      nodeStatus(node),
      nodeRoles(node).join(',') || '<none>',
      age(node, nowMs),
      nodeInfo?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      nodeInfo?.osImage || '<unknown>',
      nodeInfo?.kernelVersion || '<unknown>',
      nodeInfo?.containerRuntimeVersion || '<unknown>',
    ];
  },
);

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.findLast(({ type }) => type === 'Ready');
  const text = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return spec.unschedulable ? `${text},SchedulingDisabled` : text;
}

const rolePrefix = 'node-role.kubernetes.io/';

function nodeRoles(node: Node): string[] {
  const roles = Object.entries(node.metadata.labels ?? {}).map(([key, value]) => {
    if (key.startsWith(rolePrefix)) return key.slice(rolePrefix.length);
    return key === 'kubernetes.io/role' ? value : '';
  });
  return [...new Set(roles.filter((role) => role !== ''))].sort();
}

export const namespacePrinter = definePrinter<Namespace>(['Name', 'Status', 'Age'], (namespace, nowMs) => [
  nameOf(namespace),
  namespace.status?.phase ?? '',
  age(namespace, nowMs),
]);

export const configMapPrinter = definePrinter<ConfigMap>(['Name', 'Data', 'Age'], (configMap, nowMs) => [
  nameOf(configMap),
  Object.keys(configMap.data ?? {}).length + Object.keys(configMap.binaryData ?? {}).length,
  age(configMap, nowMs),
]);

export const secretPrinter = definePrinter<Secret>(['Name', 'Type', 'Data', 'Age'], (secret, nowMs) => [
  nameOf(secret),
  secret.type ?? '',
  Object.keys(secret.data ?? {}).length,
  age(secret, nowMs),
]);

export const serviceAccountPrinter = definePrinter<ServiceAccount>(['Name', 'Age'], (account, nowMs) => [
  nameOf(account),
  age(account, nowMs),
]);

const eventColumns = [
  'Last Seen',
  'Type',
  'Reason',
  'Object',
  wide('Subobject'),
  wide('Source'),
  'Message',
  wide('First Seen'),
  wide('Count'),
  wide('Name'),
];

/** Events of the core group, and what events.k8s.io calls the same things. */
export const eventPrinter = definePrinter<Event>(eventColumns, (event, nowMs) => {
  const first = since(event.firstTimestamp ?? event.eventTime, nowMs);
  const last = since(
    event.series?.lastObservedTime ?? event.lastTimestamp ?? event.firstTimestamp ?? event.eventTime,
    nowMs,
  );
  const { kind = '', name, fieldPath = '' } = event.involvedObject;
  const component = event.source?.component || event.reportingComponent || '';
  const host = event.source?.host || event.reportingInstance || '';
  return [
    last,
    event.type ?? '',
    event.reason ?? '',
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
    fieldPath,
    host === '' ? component : `${component}, ${host}`,
    (event.message ?? '').trim(),
    first,
    event.series?.count ?? (event.count || 1),
    nameOf(event),
  ];
});

export const eventsV1EventPrinter = definePrinter<EventsV1Event>(eventColumns, (event, nowMs) => {
  const asCore: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: event.metadata,
    involvedObject: event.regarding ?? {},
    ...(event.deprecatedFirstTimestamp === undefined ? {} : { firstTimestamp: event.deprecatedFirstTimestamp }),
    ...(event.deprecatedLastTimestamp === undefined ? {} : { lastTimestamp: event.deprecatedLastTimestamp }),
    ...(event.deprecatedSource === undefined ? {} : { source: event.deprecatedSource }),
    ...(event.series === undefined ? {} : { series: event.series }),
    eventTime: event.eventTime,
    count: event.deprecatedCount ?? 0,
    type: event.type ?? '',
    reason: event.reason ?? '',
    message: event.note ?? '',
    reportingComponent: event.reportingController ?? '',
    reportingInstance: event.reportingInstance ?? '',
  };
  return eventPrinter.cells(asCore, nowMs);
});

export const leasePrinter = definePrinter<Lease>(['Name', 'Holder', 'Age'], (lease, nowMs) => [
  nameOf(lease),
  lease.spec?.holderIdentity ?? '',
  age(lease, nowMs),
]);

/** Role bindings and cluster role bindings. */
export const roleBindingPrinter = definePrinter<RoleBinding | ClusterRoleBinding>(
  ['Name', 'Role', 'Age', wide('Users'), wide('Groups'), wide('ServiceAccounts')],
  (binding, nowMs) => {
    const named = (kind: string) => (binding.subjects ?? []).filter((subject: Subject) => subject.kind === kind);
    return [
      nameOf(binding),
      `${binding.roleRef.kind}/${binding.roleRef.name}`,
      age(binding, nowMs),
      named('User')
        .map(({ name }) => name)
        .join(', '),
      named('Group')
        .map(({ name }) => name)
        .join(', '),
      named('ServiceAccount')
        .map(({ name, namespace = '' }) => `${namespace}/${name}`)
        .join(', '),
    ];
  },
);

export const resourceQuotaPrinter = definePrinter<ResourceQuota>(
  ['Name', 'Request', 'Limit', 'Age'],
  (quota, nowMs) => {
    const { hard = {}, used = {} } = quota.status ?? {};
    const texts = (limits: boolean) =>
      Object.keys(hard)
        .filter((resource) => resource.startsWith('limits.') === limits)
        .sort()
        .map((resource) => `${resource}: ${used[resource] ?? '0'}/${hard[resource]}`);
    return [nameOf(quota), texts(false).join(', '), texts(true).join(', '), age(quota, nowMs)];
  },
);

export const priorityClassPrinter = definePrinter<PriorityClass>(
  ['Name', integer('Value'), boolean('Global-Default'), 'Age', 'PreemptionPolicy'],
  (priority, nowMs) => [
    nameOf(priority),
    priority.value ?? 0,
    priority.globalDefault ?? false,
    age(priority, nowMs),
    priority.preemptionPolicy ?? '',
  ],
);

export const runtimeClassPrinter = definePrinter<RuntimeClass>(['Name', 'Handler', 'Age'], (runtimeClass, nowMs) => [
  nameOf(runtimeClass),
  runtimeClass.handler,
  age(runtimeClass, nowMs),
]);

export const componentStatusPrinter = definePrinter<ComponentStatus>(
  ['Name', 'Status', 'Message', 'Error'],
  (component) => {
    const healthy = component.conditions?.find(({ type }) => type === 'Healthy');
    const status = healthy ? (healthy.status === 'True' ? 'Healthy' : 'Unhealthy') : 'Unknown';
    return [nameOf(component), status, healthy?.message ?? '', healthy?.error ?? ''];
  },
);

export const certificateSigningRequestPrinter = definePrinter<CertificateSigningRequest>(
  ['Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'],
  (request, nowMs) => [
    nameOf(request),
    age(request, nowMs),
    request.spec.signerName || '<none>',
    request.spec.username ?? '',
    request.spec.expirationSeconds === undefined ? '<none>' : humanDuration(request.spec.expirationSeconds * 1000),
    requestCondition(request),
  ],
);

function requestCondition({ status }: CertificateSigningRequest): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type) ?? false;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return [decision, ...(has('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(',');
}

/** Mutating and validating webhook configurations. */
export const webhookConfigurationPrinter = definePrinter<MutatingWebhookConfiguration>(
  ['Name', integer('Webhooks'), 'Age'],
  (configuration, nowMs) => [nameOf(configuration), configuration.webhooks?.length ?? 0, age(configuration, nowMs)],
);

export const validatingAdmissionPolicyPrinter = definePrinter<ValidatingAdmissionPolicy>(
  ['Name', integer('Validations'), 'ParamKind', 'Age'],
  (policy, nowMs) => {
    const { validations, paramKind } = policy.spec;
    const kind = paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : '<unset>';
    return [nameOf(policy), validations?.length ?? 0, kind, age(policy, nowMs)];
  },
);

export const validatingAdmissionPolicyBindingPrinter = definePrinter<ValidatingAdmissionPolicyBinding>(
  ['Name', 'PolicyName', 'ParamRef', 'Age'],
  (binding, nowMs) => {
    const { paramRef, policyName } = binding.spec;
    let parameters = '<unset>';
    if (paramRef?.name) parameters = `${paramRef.namespace || '*'}/${paramRef.name}`;
    else if (paramRef?.selector) parameters = selectorText(paramRef.selector);
    return [nameOf(binding), policyName ?? '', parameters, age(binding, nowMs)];
  },
);

export const apiServicePrinter = definePrinter<APIService>(
  ['Name', 'Service', 'Available', 'Age'],
  (apiService, nowMs) => {
    const { service } = apiService.spec;
    const available = apiService.status?.conditions?.find(({ type }) => type === 'Available');
    let text = 'Unknown';
    if (available)
      text =
        available.status === 'True' || !available.reason
          ? available.status
          : `${available.status} (${available.reason})`;
    return [
      nameOf(apiService),
      service ? `${service.namespace}/${service.name}` : 'Local',
      text,
      age(apiService, nowMs),
    ];
  },
);
