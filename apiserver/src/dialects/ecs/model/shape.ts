/** A shape of the service model, as `generated/shapes.ts` holds them. */
export type Shape =
  | {
      readonly type: 'structure';
      readonly members: Readonly<Record<string, string>>;
      readonly required?: readonly string[];
    }
  | { readonly type: 'list'; readonly member: string; readonly min?: number; readonly max?: number }
  | { readonly type: 'map'; readonly value: string }
  | {
      readonly type: 'string' | 'integer' | 'long' | 'double' | 'boolean' | 'timestamp';
      readonly enum?: readonly string[];
      readonly min?: number;
      readonly max?: number;
      readonly pattern?: string;
    };
