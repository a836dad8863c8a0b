#!/bin/bash
# Goal: in a simulated mesh of 50 hosts, and of 200, all find all within a few
# rounds, miss who is gone and nobody else, and what a host sends does not
# grow with the mesh.
root=$(cd "$(dirname "$0")/../.." && pwd)
exec "${SIM:-$root/build/tools/mesh_sim}" -c
