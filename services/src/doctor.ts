import { dockerEngine } from './docker.ts'
import { canInstall } from './needs/debian.ts'
import type { Need } from './needs/need.ts'
import { needsOf } from './server.ts'
import { type ServerName, servers } from './servers/index.ts'

/** One thing that a server needs of this machine. */
export interface Finding {
  readonly server: ServerName
  readonly what: string
  /** Where it is; undefined where it is missing. */
  readonly found: string | undefined
  readonly remedy: string
}

/** What a server needs and what of it is here. */
export function diagnose(server: ServerName): readonly Finding[] {
  const engine = dockerEngine()
  if (engine !== undefined) return [{ server, what: 'Docker', found: engine, remedy: '' }]
  return needsOf(servers[server]).map((need) => ({
    server,
    what: need.what,
    found: need.find(),
    remedy: need.remedy,
  }))
}

/** What a server lacks that is not going to be installed without asking anybody. */
export function lacks(server: ServerName): readonly Need[] {
  if (dockerEngine() !== undefined) return []
  const missing = needsOf(servers[server]).filter((need) => need.find() === undefined)
  return missing.filter(({ packages }) => packages === undefined || !canInstall())
}
