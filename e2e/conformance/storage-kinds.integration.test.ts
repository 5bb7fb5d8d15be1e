/** Volumes, claims of volumes, and what is known of those who make them. */
import { describeKind, type KindRules, merged } from './kind-rules.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const claim: KindRules = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  // A class that nobody defines: nobody makes a volume for it.
  minimal: {
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'nobody',
      resources: { requests: { storage: '1024Mi' } },
      dataSource: { kind: 'PersistentVolumeClaim', name: 'other' },
    },
  },
  defaults: {
    spec: {
      volumeMode: 'Filesystem',
      resources: { requests: { storage: '1Gi' } },
      dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'other' },
    },
    status: { phase: 'Pending' },
  },
  refused: [
    [{ spec: { accessModes: null } }, 'spec.accessModes: Required value: at least 1 access mode is required'],
    [
      { spec: { accessModes: ['Read'] } },
      'spec.accessModes: Unsupported value: "Read": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ],
    [{ spec: { resources: null } }, 'spec.resources[storage]: Required value'],
    [
      { spec: { resources: { requests: { storage: '0' } } } },
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
    ],
    [
      { spec: { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany'] } },
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
    ],
    [
      { spec: { volumeMode: 'Tape' } },
      'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
    ],
    [
      { spec: { dataSource: { kind: 'Pod', name: 'p' } } },
      `must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
    ],
  ],
  changes: [{ metadata: { labels: { more: 'x' } } }, { spec: { volumeName: 'v' } }],
  immutable: [
    [
      { spec: { accessModes: ['ReadOnlyMany'] } },
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n  spec.accessModes[0]: "ReadWriteOnce" -> "ReadOnlyMany"',
    ],
    [{ spec: { resources: { requests: { storage: '2Gi' } } } }, 'spec: Forbidden: spec is immutable after creation'],
    [{ spec: { volumeMode: 'Block' } }, 'volumeMode: Invalid value: "Block": field is immutable'],
  ],
  status: {
    accepted: { phase: 'Bound', capacity: { storage: '1Gi' } },
    refused: [[{ capacity: { storage: '-1' } }, 'status.capacity[storage]: Invalid value: "-1"']],
  },
  columns: ['Name', 'Status', 'Volume', 'Capacity', 'Access Modes', 'StorageClass', 'VolumeAttributesClass', 'Age'],
};

const volume: KindRules = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  resource: 'persistentvolumes',
  namespaced: false,
  minimal: {
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1024Mi' },
      storageClassName: 'nobody',
      hostPath: { path: '/srv/x' },
    },
  },
  defaults: {
    spec: {
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      hostPath: { path: '/srv/x', type: '' },
    },
    status: { phase: expect.stringMatching(/^(Pending|Available)$/), lastPhaseTransitionTime: expect.any(String) },
  },
  refused: [
    [{ spec: { accessModes: null } }, 'spec.accessModes: Required value'],
    [{ spec: { capacity: null } }, 'spec.capacity: Required value'],
    [{ spec: { hostPath: null } }, 'spec: Required value: must specify a volume type'],
    [{ spec: { nfs: { server: 's', path: '/' } } }, 'spec.nfs: Forbidden: may not specify more than 1 volume type'],
    [
      { spec: { hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' } },
      "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
    ],
    [
      { spec: { persistentVolumeReclaimPolicy: 'Burn' } },
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
    ],
    [
      { spec: { hostPath: null, iscsi: { targetPortal: '10.0.0.1', iqn: 'x', lun: 256 } } },
      'spec.iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
    ],
    [
      { spec: { hostPath: null, fc: { targetWWNs: ['x'] } } },
      'spec.fc.lun: Required value: lun is required if targetWWNs is specified',
    ],
    [{ spec: { hostPath: null, rbd: { monitors: [], image: '' } } }, 'spec.rbd.monitors: Required value'],
    [
      { spec: { volumeAttributesClassName: 'fast' } },
      'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
    ],
    [
      { spec: { hostPath: null, local: { path: '/d' } } },
      'metadata.annotations: Required value: Local volume requires node affinity',
    ],
    [
      { spec: { nodeAffinity: {} } },
      'spec.nodeAffinity.required: Required value: must specify required node constraints',
    ],
  ],
  changes: [{ spec: { persistentVolumeReclaimPolicy: 'Delete' } }, { spec: { capacity: { storage: '2Gi' } } }],
  immutable: [
    [
      { spec: { hostPath: { path: '/srv/y' } } },
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
    ],
    [{ spec: { volumeMode: 'Block' } }, 'volumeMode: Invalid value: "Block": field is immutable'],
  ],
  status: { accepted: { phase: 'Released', reason: 'R' } },
  columns: [
    'Name',
    'Capacity',
    'Access Modes',
    'Reclaim Policy',
    'Status',
    'Claim',
    'StorageClass',
    'VolumeAttributesClass',
    'Reason',
    'Age',
  ],
};

const storageClass: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  resource: 'storageclasses',
  namespaced: false,
  minimal: { provisioner: 'example.com/nobody', parameters: { a: 'b' } },
  defaults: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
  refused: [
    [{ provisioner: null }, 'provisioner: Required value'],
    [{ reclaimPolicy: 'Recycle' }, 'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    [
      { volumeBindingMode: 'Later' },
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
    [
      { allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: [] }] }] },
      'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
    ],
  ],
  changes: [{ allowVolumeExpansion: true }],
  immutable: [
    [{ provisioner: 'example.com/other' }, 'provisioner: Forbidden: updates to provisioner are forbidden.'],
    [{ parameters: { a: 'c' } }, 'parameters: Forbidden: updates to parameters are forbidden.'],
    [{ reclaimPolicy: 'Retain' }, 'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.'],
    [
      { volumeBindingMode: 'WaitForFirstConsumer' },
      'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
    ],
  ],
  columns: ['Name', 'Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion', 'Age'],
};

const attributesClass: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttributesClass',
  resource: 'volumeattributesclasses',
  namespaced: false,
  minimal: { driverName: 'example.com', parameters: { iops: '100' } },
  refused: [
    [{ driverName: null }, 'driverName: Required value'],
    [{ parameters: null }, 'parameters: Required value'],
  ],
  immutable: [[{ parameters: { iops: '200' } }, 'parameters: Forbidden: updates to parameters are forbidden.']],
  columns: ['Name', 'DriverName', 'Age'],
};

const driver: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  resource: 'csidrivers',
  namespaced: false,
  minimal: { spec: {} },
  defaults: {
    spec: {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
    },
  },
  refused: [
    [
      { spec: { volumeLifecycleModes: ['Some'] } },
      'spec.volumeLifecycleModes: Unsupported value: "Some": supported values: "Ephemeral", "Persistent"',
    ],
    [
      { spec: { tokenRequests: [{ audience: 'a', expirationSeconds: 1 }] } },
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
    ],
  ],
  changes: [{ spec: { podInfoOnMount: true } }],
  immutable: [[{ spec: { attachRequired: false } }, 'spec.attachRequired: Invalid value: false: field is immutable']],
  columns: [
    'Name',
    'AttachRequired',
    'PodInfoOnMount',
    'StorageCapacity',
    'TokenRequests',
    'RequiresRepublish',
    'Modes',
    'Age',
  ],
};

const node: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSINode',
  resource: 'csinodes',
  namespaced: false,
  minimal: { spec: { drivers: [{ name: 'd.example.com', nodeID: 'n', topologyKeys: ['a'] }] } },
  refused: [
    [{ spec: { drivers: [{ name: 'd', nodeID: '' }] } }, 'spec.drivers[0].nodeID: Required value'],
    [
      {
        spec: {
          drivers: [
            { name: 'd', nodeID: 'n' },
            { name: 'd', nodeID: 'm' },
          ],
        },
      },
      'spec.drivers[1].name: Duplicate value: "d"',
    ],
  ],
  changes: [
    { spec: { drivers: [{ name: 'd.example.com', nodeID: 'n', topologyKeys: ['a'], allocatable: { count: 3 } }] } },
  ],
  immutable: [[{ spec: { drivers: [{ name: 'd.example.com', nodeID: 'other' }] } }, 'spec.drivers[0]: Invalid value']],
  columns: ['Name', 'Drivers', 'Age'],
};

const capacity: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIStorageCapacity',
  resource: 'csistoragecapacities',
  minimal: { storageClassName: 'nobody', capacity: '1024Gi' },
  defaults: { capacity: '1Ti' },
  refused: [
    [{ storageClassName: '' }, 'storageClassName: Required value'],
    [{ capacity: '-1' }, 'capacity: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  changes: [{ capacity: '2Ti' }],
  immutable: [[{ storageClassName: 'other' }, 'storageClassName: Invalid value: "other": field is immutable']],
  columns: ['Name', 'StorageClassName', 'Capacity'],
};

const attachment: KindRules = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  resource: 'volumeattachments',
  namespaced: false,
  minimal: { spec: { attacher: 'd.example.com', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
  defaults: { status: { attached: false } },
  refused: [
    [{ spec: { attacher: '' } }, 'spec.attacher: Required value'],
    [{ spec: { nodeName: '' } }, 'spec.nodeName: Required value'],
    [{ spec: { source: { persistentVolumeName: null } } }, 'spec.source: Required value: must specify exactly one of'],
  ],
  immutable: [[{ spec: { nodeName: 'm' } }, 'spec: Invalid value: ']],
  status: { accepted: { attached: true } },
  columns: ['Name', 'Attacher', 'PV', 'Node', 'Attached', 'Age'],
};

for (const rules of [claim, volume, storageClass, attributesClass, driver, node, capacity, attachment]) {
  describeKind(target, rules);
}

describe('a bound claim', () => {
  const claims = () => `${target.core}/persistentvolumeclaims`;

  it('may ask for more, and for less down to what it has', async () => {
    const storageClassName = `${target.namespace}-growing`;
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    await target.admin.made(classes, {
      metadata: { name: storageClassName },
      provisioner: 'example.com/nobody',
      allowVolumeExpansion: true,
    });
    await target.admin.made(
      claims(),
      merged({ metadata: { name: 'bound' }, ...claim.minimal }, { spec: { storageClassName } }),
    );
    await target.admin.merge(`${claims()}/bound`, { spec: { volumeName: 'v' } });
    await target.admin.merge(`${claims()}/bound/status`, { status: { phase: 'Bound', capacity: { storage: '1Gi' } } });
    const ask = (storage: string) =>
      target.admin.merge(`${claims()}/bound`, { spec: { resources: { requests: { storage } } } });
    expect((await ask('3Gi')).code).toBe(200);
    expect((await ask('2Gi')).code).toBe(200);
    expect((await ask('1Gi')).body.message).toContain(
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    );
    const renamed = await target.admin.merge(`${claims()}/bound`, { spec: { volumeName: 'w' } });
    expect(renamed.body.message).toContain('spec.volumeName: "v" -> "w"');
    await target.admin.delete(`${classes}/${storageClassName}`);
  });
});
