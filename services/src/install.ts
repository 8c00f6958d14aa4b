import { fetchJars } from './maven.ts'
import { canInstall, installPackages } from './needs/debian.ts'
import type { Report } from './report.ts'
import { needsOf, type Server } from './server.ts'

/** Brings what a server is made of. Says all that is missing where this machine cannot get it. */
export async function installServer(server: Server, report: Report = () => {}): Promise<void> {
  const missing = needsOf(server).filter((need) => need.find() === undefined)
  const packages = missing.flatMap((need) => need.packages ?? [])
  if (packages.length > 0 && canInstall()) installPackages(packages, report)
  const lacking = needsOf(server).filter((need) => need.find() === undefined)
  if (lacking.length > 0) {
    const lines = lacking.map(({ what, remedy }) => `it needs ${what}: ${remedy}`)
    throw new Error(`${server.about} cannot run here: ${lines.join('; ')}`)
  }
  if (server.jars !== undefined) await fetchJars(server.jars, report)
  await server.build?.(report)
}
