# Session scripts of the shell system source this file. What its functions did (mounts, joining pods, passwords) happens
# before a script runs now, so that there is nothing left to define; a script that calls one gets an answer, not an error.
for _vdi_name in get_mounts add_demo_users join_idm leave_idm run_rc save_state restore_state; do
  eval "$_vdi_name() { echo \"vdi: $_vdi_name is no longer needed\" >&2; }"
done
unset _vdi_name
