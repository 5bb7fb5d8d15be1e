import type { AdmissionPlugin } from '../plugin.ts';

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
};

/** Volumes and claims stay as long as something uses them: a controller takes the finalizer off when nothing does. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  on: [{ operations: ['CREATE'], group: '', resources: Object.keys(finalizers) }],

  mutate({ draft, request }) {
    const finalizer = finalizers[request.api.resource];
    if (!draft || finalizer === undefined || draft.metadata.finalizers?.includes(finalizer)) return;
    draft.metadata.finalizers = [...(draft.metadata.finalizers ?? []), finalizer];
  },
};
