"""Everything that can be called on a kit by name, and the component that does it.

`kit("ipfs_add_path", path=...)` and `kit.ipfs_add_path(path=...)` are the same. A name of
a component that is not there is known all the same, so that the error can say why.
"""

from typing import NamedTuple


class Method(NamedTuple):
    """Where a call goes."""

    component: str
    attribute: str


def _same(component: str, names: str) -> dict[str, Method]:
    return {name: Method(component, name) for name in names.split()}


_LOCAL = {
    "ipfs_add": Method("ipfs", "add"),
    "ipfs_cat": Method("ipfs", "cat"),
    "ipfs_ls": Method("ipfs", "ls"),
    "ipfs_pin_add": Method("ipfs", "pin_add"),
    "ipfs_pin_ls": Method("ipfs", "pin_ls"),
    "ipfs_pin_rm": Method("ipfs", "pin_rm"),
    "ipfs_dag_put": Method("ipfs", "dag_put"),
    "ipfs_dag_get": Method("ipfs", "dag_get"),
    **_same(
        "ipfs",
        """
        ipfs_id ipfs_get ipfs_add_file ipfs_ls_path ipfs_stat_path ipfs_mkdir
        ipfs_remove_path ipfs_swarm_peers ipfs_swarm_connect ipfs_swarm_disconnect
        ipfs_name_publish ipfs_name_resolve name_resolve
        """,
    ),
    **_same(
        "kit",
        """
        ipfs_add_path ipfs_add_pin ipfs_remove_pin ipfs_get_pinset name_publish
        ipfs_pin_remote_service_ls ipfs_pin_remote_add ipfs_pin_remote_ls
        ipfs_pin_remote_get ipfs_pin_remote_replace ipfs_pin_remote_rm
        ipfs_pin_remote_wait load_collection
        ipfs_get_config ipfs_set_config ipfs_get_config_value
        ipfs_set_config_value ipfs_kit_start ipfs_kit_stop ipfs_kit_ready get_filesystem
        """,
    ),
}

_CLUSTER = {
    **_same(
        "ipfs_cluster_ctl",
        """
        ipfs_cluster_ctl_add_pin ipfs_cluster_ctl_remove_pin
        ipfs_cluster_ctl_add_pin_recursive ipfs_cluster_ctl_status
        ipfs_cluster_ctl_peers_ls ipfs_cluster_ctl_health ipfs_cluster_ctl_execute
        ipfs_cluster_get_pinset ipfs_cluster_status ipfs_cluster_peers_ls
        ipfs_cluster_health ipfs_cluster_recover
        """,
    ),
    **_same(
        "ipfs_cluster_service",
        """
        ipfs_cluster_service_start ipfs_cluster_service_stop ipfs_cluster_service_status
        """,
    ),
    **_same(
        "ipfs_cluster_follow",
        """
        ipfs_follow_start ipfs_follow_stop ipfs_follow_list ipfs_follow_info
        ipfs_follow_run ipfs_follow_sync
        """,
    ),
    **_same(
        "cluster_manager",
        """
        create_task get_task_status cancel_task get_tasks get_nodes get_cluster_status
        submit_cluster_task find_content_providers get_content get_state_interface_info
        """,
    ),
}

_OTHERS = {
    **_same(
        "s3_kit",
        """
        s3_ls_dir s3_rm_dir s3_cp_dir s3_mv_dir s3_dl_dir s3_ul_dir s3_ls_file s3_rm_file
        s3_cp_file s3_mv_file s3_dl_file s3_ul_file s3_mk_dir s3_get_object
        s3_upload_object s3_download_object s3_put_dag
        """,
    ),
    **{
        f"storacha_{name}": Method("storacha_kit", name)
        for name in (
            *("space_ls", "space_info", "space_allocate", "upload_add", "upload_dag"),
            *("upload_add_https", "upload_list", "upload_remove", "store_add"),
            *("store_get", "store_list", "store_remove", "get_content"),
            *("batch_operations", "run_w3_command"),
        )
    },
    "storacha_http_request": Method("storacha_kit", "storacha_http_request"),
    "ipget_download_object": Method("ipget", "ipget_download_object"),
    **_same(
        "libp2p",
        """
        libp2p_get_peer_id libp2p_get_multiaddrs libp2p_connect_peer
        libp2p_is_connected_to libp2p_announce_content libp2p_find_providers
        libp2p_request_content libp2p_start_discovery
        """,
    ),
    **_same(
        "knowledge_graph",
        """
        add_entity update_entity add_relationship get_entity get_relationship
        query_entities query_related path_between vector_search graph_vector_search
        text_search delete_entity delete_relationship export_subgraph import_subgraph
        get_statistics get_version_history
        """,
    ),
    **_same(
        "graph_query",
        "find_entities find_related find_paths hybrid_search get_knowledge_cards",
    ),
    **_same(
        "graph_rag",
        "retrieve generate_embedding format_context_for_llm generate_llm_prompt",
    ),
    **_same(
        "model_registry",
        """
        add_model get_model list_models get_model_cid update_model_metadata delete_model
        """,
    ),
    **_same("dataset_manager", "add_dataset get_dataset list_datasets"),
    **_same(
        "langchain_integration",
        """
        langchain_check_availability langchain_create_document_loader
        langchain_create_ipfs_vectorstore
        """,
    ),
    **_same(
        "llama_index_integration",
        """
        llamaindex_check_availability llamaindex_create_ipfs_document_reader
        llamaindex_create_ipfs_storage_context
        """,
    ),
    **_same(
        "distributed_training",
        """
        prepare_distributed_task execute_training_task aggregate_training_results
        """,
    ),
    "get_data_loader": Method("kit", "get_data_loader"),
    **_same(
        "metadata_index",
        "get_metadata_index sync_metadata_index publish_metadata_index",
    ),
}

METHODS: dict[str, Method] = _LOCAL | _CLUSTER | _OTHERS

PARTS: dict[str, str] = {
    "ipfs_cluster_service": "ipfs-cluster",
    "ipfs_cluster_ctl": "ipfs-cluster",
    "ipfs_cluster_follow": "ipfs-cluster",
    "cluster_manager": "cluster management",
    "libp2p": "libp2p",
    "metadata_index": "the metadata index",
    "knowledge_graph": "the knowledge graph",
    "graph_query": "the knowledge graph",
    "graph_rag": "the knowledge graph",
    "langchain_integration": "machine learning",
    "llama_index_integration": "machine learning",
    "distributed_training": "machine learning",
    "monitoring": "monitoring",
    "dashboard": "monitoring",
}
"""Components that this version does not have, and what they belong to."""
