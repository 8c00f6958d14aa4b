import type { PayloadStore } from '../../src/index.ts'

/** A store that keeps bodies in a map, to be looked into. */
export function storeIn(bodies: Map<string, Uint8Array>): PayloadStore {
  return {
    put: async (name, bytes) => void bodies.set(name, bytes),
    get: async (name) => bodies.get(name),
    delete: async (name) => void bodies.delete(name),
  }
}
