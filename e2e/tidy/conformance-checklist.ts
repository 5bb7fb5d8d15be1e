/**
 * Upstream's conformance tests of API machinery, access, command line, architecture and instrumentation, with the tests of ours that show the
 * same behaviour in our own words. Paths are relative to `e2e/`; a text is a part of the test's title, or of its table.
 */

type Shown = readonly (readonly [file: string, text: string])[];

export type Checklist = readonly (readonly [upstream: string, ours: Shown | { readonly not: string }])[];

export const conformanceChecklist: Checklist = [
  [
    '[sig-api-machinery] API priority and fairness should support FlowSchema API operations',
    [['conformance/device-kinds.integration.test.ts', 'FlowSchema']],
  ],
  [
    '[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations',
    [['conformance/device-kinds.integration.test.ts', 'PriorityLevelConfiguration']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work',
    [['conformance/admission-kinds.integration.test.ts', 'MutatingWebhookConfiguration']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work',
    [
      ['conformance/admission-kinds.integration.test.ts', 'MutatingWebhookConfiguration'],
      ['conformance/admission-webhooks.integration.test.ts', 'changes the object, and the next one sees the change'],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions',
    [['conformance/admission-policies.integration.test.ts', 'say which writes it is asked about']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions',
    [['conformance/admission-policies.integration.test.ts', 'say which writes it is asked about']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod',
    [['conformance/admission-webhooks.integration.test.ts', 'is told of evictions, bindings and commands']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation',
    [['conformance/admission-webhooks.integration.test.ts', 'is told what is written, by whom, and may let it be']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation',
    [['conformance/webhooks-on-custom-kinds.integration.test.ts', 'may refuse definitions of custom kinds']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout',
    [['conformance/admission-webhooks.integration.test.ts', 'is waited for no longer than it says']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents',
    [['conformance/lives-of-kinds.integration.test.ts', 'of admission hold both kinds of webhook configurations']],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version',
    [
      [
        'conformance/webhooks-on-custom-kinds.integration.test.ts',
        'changes custom objects whatever version they are stored in',
      ],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning',
    [
      [
        'conformance/webhooks-on-custom-kinds.integration.test.ts',
        'changes custom objects, of which the schema takes out what it does not know',
      ],
    ],
  ],
  [
    "[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps",
    [
      ['conformance/admission-webhooks.integration.test.ts', 'changes the object, and the next one sees the change'],
      ['conformance/admission-webhooks.integration.test.ts', 'is asked about what its selectors and rules name'],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects',
    [
      [
        'conformance/admission-webhooks.integration.test.ts',
        'sees every kind by wildcards, and never the configuration of webhooks',
      ],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions',
    [
      ['conformance/admission-kinds.integration.test.ts', 'MutatingWebhookConfiguration'],
      ['conformance/admission-policies.integration.test.ts', 'is refused with the policy'],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions',
    [
      ['conformance/admission-kinds.integration.test.ts', 'ValidatingWebhookConfiguration'],
      ['conformance/admission-policies.integration.test.ts', 'is refused with the policy'],
    ],
  ],
  [
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook',
    [['conformance/admission-webhooks.integration.test.ts', 'is not there']],
  ],
  [
    '[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface',
    [['conformance/discovery.integration.test.ts', 'comes in one piece on demand']],
  ],
  [
    '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers',
    [['conformance/discovery.integration.test.ts', 'comes in one piece on demand']],
  ],
  [
    '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs',
    [['conformance/crd-versions.integration.test.ts', 'show what the webhook makes of the stored object']],
  ],
  [
    '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2',
    [['conformance/crd-versions.integration.test.ts', 'show what the webhook makes of the stored object']],
  ],
  [
    '[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects',
    [['conformance/crd-objects.integration.test.ts', 'is watched']],
  ],
  [
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works',
    [
      ['conformance/crd-definitions.integration.test.ts', 'gets its defaults, its conditions, and is served'],
      ['conformance/crd-definitions.integration.test.ts', 'takes its objects along when it goes'],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works',
    [['conformance/lives-of-kinds.integration.test.ts', 'are listed, watched, and deleted together by their label']],
  ],
  [
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works',
    [
      ['conformance/crd-objects.integration.test.ts', 'has its defaults, a generation, and no status'],
      ['conformance/crd-objects.integration.test.ts', 'are in what is read of older objects'],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served',
    [
      [
        'conformance/lives-of-kinds.integration.test.ts',
        'leave the documents when one of their versions is served no more',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds',
    [
      [
        'conformance/crd-definitions.integration.test.ts',
        'is in the OpenAPI documents and in the aggregated discovery',
      ],
    ],
  ],
  [
    '[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup',
    [['conformance/lives-of-kinds.integration.test.ts', 'prefer one of their versions, and name those that there are']],
  ],
  [
    '[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema',
    [['conformance/crd-strictness.integration.test.ts', 'of a kind that leaves everything free is taken']],
  ],
  [
    '[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema',
    [['conformance/crd-strictness.integration.test.ts', 'with what the schema knows is taken']],
  ],
  [
    '[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema',
    [['conformance/crd-strictness.integration.test.ts', 'with more than the schema knows is refused']],
  ],
  [
    '[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields',
    [
      [
        'conformance/crd-strictness.integration.test.ts',
        'that names a field twice is refused, also where everything is free',
      ],
    ],
  ],
  [
    '[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR',
    [
      [
        'conformance/crd-strictness.integration.test.ts',
        'with unknown metadata is refused, at its root and in what it embeds',
      ],
    ],
  ],
  [
    '[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object',
    [['conformance/crd-strictness.integration.test.ts', 'a typed object with unknown metadata is refused']],
  ],
  [
    '[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning',
    [['integration/controllers.integration.test.ts', 'lets dependents follow their owner in the background']],
  ],
  [
    '[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial]',
    [['integration/controllers.integration.test.ts', 'deletes an owner in the foreground after what blocks it']],
  ],
  [
    '[sig-api-machinery] Garbage collector should not be blocked by dependency circle',
    [
      [
        '../controllers/src/cluster/garbage-collector/plan.test.ts',
        'breaks a circle of objects that wait for each other',
      ],
    ],
  ],
  [
    "[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial]",
    [['../controllers/src/cluster/garbage-collector/plan.test.ts', 'takes lost owners out of what has another']],
  ],
  [
    '[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan',
    [['integration/controllers.integration.test.ts', 'leaves orphans behind when asked to']],
  ],
  [
    '[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Serial]',
    [['integration/controllers.integration.test.ts', 'leaves orphans behind when asked to']],
  ],
  [
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment',
    [['conformance/admission-policies.integration.test.ts', 'merges a configuration into the object']],
  ],
  [
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should mutate a Deployment with annotations',
    [['conformance/admission-policies.integration.test.ts', 'merges a configuration into the object']],
  ],
  [
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicy API operations',
    [['conformance/admission-kinds.integration.test.ts', 'MutatingAdmissionPolicy']],
  ],
  [
    '[sig-api-machinery] MutatingAdmissionPolicy [Privileged:ClusterAdmin] should support MutatingAdmissionPolicyBinding API operations',
    [['conformance/admission-kinds.integration.test.ts', 'MutatingAdmissionPolicyBinding']],
  ],
  [
    '[sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace',
    [['conformance/services.integration.test.ts', 'goes when it is finalized']],
  ],
  [
    '[sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace',
    [['conformance/lives-of-kinds.integration.test.ts', 'is labelled, and given conditions at its status']],
  ],
  [
    '[sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status',
    [['conformance/lives-of-kinds.integration.test.ts', 'is labelled, and given conditions at its status']],
  ],
  [
    '[sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted',
    [
      [
        'integration/controllers.integration.test.ts',
        'empties a namespace before it lets it go, and says what holds it',
      ],
    ],
  ],
  [
    '[sig-api-machinery] Namespaces [Serial] should ensure that all services are removed when a namespace is deleted',
    [['scenarios/kubectl-objects.e2e.ts', 'deletes a namespace with everything in it']],
  ],
  [
    '[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first',
    [['integration/controllers.integration.test.ts', 'empties a namespace of its pods before anything else']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod.',
    [['conformance/resource-quota.integration.test.ts', 'adds up what pods request and are limited to']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller.',
    [['conformance/resource-quota.integration.test.ts', 'counts replication controllers by their short name']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret.',
    [['conformance/resource-quota.integration.test.ts', 'counts what is made and refuses what is too many']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.',
    [['integration/resource-quota.integration.test.ts', 'counts what is there already, what comes and what goes']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota',
    [['conformance/policy-kinds.integration.test.ts', 'ResourceQuota']],
  ],
  [
    '[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes.',
    [['conformance/resource-quota.integration.test.ts', "'Terminating', { activeDeadlineSeconds: 5 }"]],
  ],
  [
    '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls',
    [['conformance/lists.integration.test.ts', 'show one state, whatever is written meanwhile']],
  ],
  [
    '[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow]',
    [['conformance/lists.integration.test.ts', 'of a forgotten state answer 410 with a token to go on without it']],
  ],
  [
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should allow expressions to refer variables.',
    [
      [
        'conformance/admission-policies.integration.test.ts',
        'refuses what does not fulfil its expressions, and says which',
      ],
    ],
  ],
  [
    '[sig-api-machinery] ValidatingAdmissionPolicy [Privileged:ClusterAdmin] should support ValidatingAdmissionPolicy API operations',
    [['conformance/admission-kinds.integration.test.ts', 'ValidatingAdmissionPolicy']],
  ],
  [
    '[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch',
    [['conformance/watches.integration.test.ts', 'begins after the version, nothing missed and nothing repeated']],
  ],
  [
    '[sig-api-machinery] Watchers should be able to start watching from a specific resource version',
    [['conformance/watches.integration.test.ts', 'begins after the version, nothing missed and nothing repeated']],
  ],
  [
    '[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps',
    [['conformance/watches.integration.test.ts', 'tells what happens, with the versions of the changes']],
  ],
  [
    '[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector',
    [['conformance/watches.integration.test.ts', 'tells what comes into a selection and leaves it']],
  ],
  [
    '[sig-api-machinery] Watchers should receive events on concurrent watches in same order',
    [['conformance/watches.integration.test.ts', 'sees concurrent writers in the order of their versions']],
  ],
  [
    '[sig-architecture] Conformance Tests should have at least two untainted nodes',
    { not: 'asks how large the cluster under test is, and nothing of the software' },
  ],
  [
    '[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations',
    [
      ['conformance/certificates.integration.test.ts', 'is decided at its approval, once and for ever'],
      ['conformance/certificates.integration.test.ts', 'gets a certificate and no other thing at its status'],
    ],
  ],
  [
    '[sig-auth] ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer',
    [['../apiserver/src/authz/access.integration.test.ts', '/.well-known/openid-configuration']],
  ],
  [
    '[sig-auth] ServiceAccounts should allow opting out of API token automount',
    [
      [
        'conformance/lives-of-kinds.integration.test.ts',
        'is listed, patched and deleted, and says whether pods get its token',
      ],
    ],
  ],
  [
    '[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview',
    [
      ['conformance/subresources.integration.test.ts', 'makes its holder the service account'],
      ['conformance/access.integration.test.ts', 'say whose a token is'],
    ],
  ],
  [
    '[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace',
    [
      [
        'integration/controllers.integration.test.ts',
        'gives a new namespace its account and the certificate of the authority',
      ],
    ],
  ],
  [
    '[sig-auth] ServiceAccounts should mount an API token into pods',
    [['scenarios/first-app.e2e.ts', 'reaches the API server by the name of its service']],
  ],
  [
    '[sig-auth] ServiceAccounts should mount projected service account token',
    [['conformance/defaults-and-validation.integration.test.ts', 'kube-api-access-']],
  ],
  [
    '[sig-auth] ServiceAccounts should update a ServiceAccount',
    [
      [
        'conformance/lives-of-kinds.integration.test.ts',
        'is listed, patched and deleted, and says whether pods get its token',
      ],
    ],
  ],
  [
    '[sig-auth] SubjectReview should support SubjectReview API operations',
    [['conformance/access.integration.test.ts', 'say what others may do']],
  ],
  [
    '[sig-cli] Kubectl client Guestbook application should create and stop a working application',
    [['scenarios/first-app.e2e.ts', 'runs three replicas behind one address']],
  ],
  [
    '[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions',
    [['scenarios/kubectl-objects.e2e.ts', 'explains, lists resources and versions, and answers who may do what']],
  ],
  [
    '[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info',
    [['scenarios/kubectl-objects.e2e.ts', 'explains, lists resources and versions, and answers who may do what']],
  ],
  [
    '[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods',
    [
      ['scenarios/first-app.e2e.ts', 'is described with its endpoints, by kubectl of every age'],
      ['scenarios/kubectl-objects.e2e.ts', 'makes a deployment whose pods explain why they wait'],
    ],
  ],
  [
    '[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments',
    [
      [
        'scenarios/kubectl-objects.e2e.ts',
        'applies on the client side, tells what would change, and changes only that',
      ],
    ],
  ],
  [
    '[sig-cli] Kubectl client Kubectl label should update the label on a resource',
    [['scenarios/kubectl-objects.e2e.ts', 'labels, annotates, patches in three ways, replaces, edits and deletes']],
  ],
  [
    '[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc',
    [['scenarios/kubectl-objects.e2e.ts', 'labels, annotates, patches in three ways, replaces, edits and deletes']],
  ],
  [
    "[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image",
    [['scenarios/kubectl-objects.e2e.ts', 'labels, annotates, patches in three ways, replaces, edits and deletes']],
  ],
  [
    '[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods',
    [['conformance/objects.integration.test.ts', 'tries every write without doing it']],
  ],
  [
    '[sig-cli] Kubectl client Proxy server should support --unix-socket=/path',
    [
      [
        'scenarios/kubectl-objects.e2e.ts',
        'leads other programs to the server through its proxy, on a port and on a socket',
      ],
    ],
  ],
  [
    '[sig-cli] Kubectl client Proxy server should support proxy with --port 0',
    [
      [
        'scenarios/kubectl-objects.e2e.ts',
        'leads other programs to the server through its proxy, on a port and on a socket',
      ],
    ],
  ],
  [
    '[sig-cli] Kubectl client Update Demo should create and stop a replication controller',
    [['integration/replicas.integration.test.ts', 'run as many pods as wanted, and bring back what is lost']],
  ],
  [
    '[sig-cli] Kubectl client Update Demo should scale a replication controller',
    [['integration/replicas.integration.test.ts', 'are scaled, changed, and have their status written']],
  ],
  [
    '[sig-cli] Kubectl logs logs should be able to retrieve and filter logs',
    [['scenarios/kubectl-pods.e2e.ts', 'reads logs']],
  ],
  [
    '[sig-instrumentation] Events API should delete a collection of events',
    [['conformance/lives-of-kinds.integration.test.ts', 'are deleted together']],
  ],
  [
    '[sig-instrumentation] Events should delete a collection of events',
    [['conformance/lives-of-kinds.integration.test.ts', 'are deleted together']],
  ],
  [
    '[sig-instrumentation] Events should manage the lifecycle of an event',
    [['conformance/lives-of-kinds.integration.test.ts', 'are made, read, patched, written anew and deleted']],
  ],
];
