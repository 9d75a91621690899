-- The tables of Youku for MySQL and MariaDB: what youku_evloop/models.py declares.
-- Made by `youku-server schema`; `youku-server init-db` makes them in a database.

CREATE TABLE IF NOT EXISTS `user` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(32) NOT NULL,
    `password` VARCHAR(255) NOT NULL,
    `user_type` VARCHAR(32) NOT NULL,
    `is_locked` BOOLEAN NOT NULL,
    `vip_until` DATETIME(6),
    `register_time` DATETIME(6) NOT NULL,
    `notice_seen` BIGINT NOT NULL,
    `folded_name` VARCHAR(96),
    PRIMARY KEY (`id`),
    UNIQUE KEY `user_name` (`name`),
    UNIQUE KEY `user_folded_name` (`folded_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `session` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `token_hash` VARCHAR(64) NOT NULL,
    `user_id` BIGINT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `last_seen` DATETIME(6) NOT NULL,
    `expire_time` DATETIME(6) NOT NULL,
    `address` VARCHAR(64) NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `session_token_hash` (`token_hash`),
    KEY `session_user_id` (`user_id`),
    KEY `session_expire_time` (`expire_time`),
    CONSTRAINT `session_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `movie` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(200) NOT NULL,
    `description` LONGTEXT NOT NULL,
    `file_hash` VARCHAR(64) NOT NULL,
    `file_size` BIGINT NOT NULL,
    `fingerprint` VARCHAR(64) NOT NULL,
    `is_free` BOOLEAN NOT NULL,
    `price` INT,
    `vip_price` INT,
    `is_delete` BOOLEAN NOT NULL,
    `user_id` BIGINT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `delete_time` DATETIME(6),
    `search_text` LONGTEXT NOT NULL,
    PRIMARY KEY (`id`),
    KEY `movie_user_id` (`user_id`),
    KEY `movie_is_delete` (`is_delete`),
    KEY `movie_is_delete_is_free` (`is_delete`, `is_free`),
    KEY `movie_is_delete_name` (`is_delete`, `name`),
    KEY `movie_is_delete_file_size` (`is_delete`, `file_size`),
    KEY `movie_is_delete_is_free_name` (`is_delete`, `is_free`, `name`),
    KEY `movie_is_delete_is_free_file_size` (`is_delete`, `is_free`, `file_size`),
    KEY `movie_file_hash` (`file_hash`),
    KEY `movie_fingerprint` (`fingerprint`),
    KEY `movie_user_id_is_delete_file_size` (`user_id`, `is_delete`, `file_size`),
    CONSTRAINT `movie_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `movie_gram` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `gram` BIGINT NOT NULL,
    `movie_id` BIGINT NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `movie_gram_gram_movie_id` (`gram`, `movie_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `upload` (
    `id` VARCHAR(32) NOT NULL,
    `user_id` BIGINT NOT NULL,
    `name` VARCHAR(200) NOT NULL,
    `size` BIGINT NOT NULL,
    `fingerprint` VARCHAR(64) NOT NULL,
    `durable_offset` BIGINT NOT NULL,
    `boot_id` VARCHAR(36) NOT NULL,
    `state` VARCHAR(32) NOT NULL,
    `movie_id` BIGINT,
    `options` LONGTEXT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `expire_time` DATETIME(6) NOT NULL,
    `file_hash` VARCHAR(64),
    PRIMARY KEY (`id`),
    KEY `upload_user_id` (`user_id`),
    KEY `upload_movie_id` (`movie_id`),
    KEY `upload_user_id_fingerprint_size` (`user_id`, `fingerprint`, `size`),
    KEY `upload_state_expire_time` (`state`, `expire_time`),
    CONSTRAINT `upload_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `upload_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `notice` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `title` VARCHAR(200) NOT NULL,
    `content` LONGTEXT NOT NULL,
    `user_id` BIGINT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `edit_time` DATETIME(6),
    `is_withdrawn` BOOLEAN NOT NULL,
    PRIMARY KEY (`id`),
    KEY `notice_user_id` (`user_id`),
    KEY `notice_create_time` (`create_time`),
    KEY `notice_is_withdrawn` (`is_withdrawn`),
    CONSTRAINT `notice_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `download_record` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `user_id` BIGINT NOT NULL,
    `movie_id` BIGINT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `bytes_sent` BIGINT NOT NULL,
    `completed` BOOLEAN NOT NULL,
    `ranges` LONGTEXT,
    PRIMARY KEY (`id`),
    KEY `download_record_user_id` (`user_id`),
    KEY `download_record_movie_id` (`movie_id`),
    KEY `download_record_user_id_movie_id` (`user_id`, `movie_id`),
    CONSTRAINT `download_record_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `download_record_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `download_wait` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `user_id` BIGINT NOT NULL,
    `movie_id` BIGINT NOT NULL,
    `ready_time` DATETIME(6) NOT NULL,
    PRIMARY KEY (`id`),
    KEY `download_wait_user_id` (`user_id`),
    KEY `download_wait_movie_id` (`movie_id`),
    UNIQUE KEY `download_wait_user_id_movie_id` (`user_id`, `movie_id`),
    KEY `download_wait_ready_time` (`ready_time`),
    CONSTRAINT `download_wait_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `download_wait_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `purchase` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `user_id` BIGINT NOT NULL,
    `kind` VARCHAR(32) NOT NULL,
    `movie_id` BIGINT,
    `amount` INT NOT NULL,
    `state` VARCHAR(32) NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `months` INT,
    `claim` VARCHAR(160),
    `provider` VARCHAR(32) NOT NULL,
    `reference` VARCHAR(200) NOT NULL,
    `settle_time` DATETIME(6),
    PRIMARY KEY (`id`),
    KEY `purchase_user_id` (`user_id`),
    KEY `purchase_movie_id` (`movie_id`),
    UNIQUE KEY `purchase_claim` (`claim`),
    KEY `purchase_user_id_movie_id` (`user_id`, `movie_id`),
    KEY `purchase_state` (`state`),
    CONSTRAINT `purchase_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `purchase_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `search_history` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `user_id` BIGINT NOT NULL,
    `query` VARCHAR(200) NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `is_found` BOOLEAN NOT NULL,
    PRIMARY KEY (`id`),
    KEY `search_history_user_id` (`user_id`),
    KEY `search_history_user_id_create_time` (`user_id`, `create_time`),
    KEY `search_history_is_found_create_time` (`is_found`, `create_time`),
    CONSTRAINT `search_history_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `invitation` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `code_hash` VARCHAR(64) NOT NULL,
    `user_id` BIGINT NOT NULL,
    `create_time` DATETIME(6) NOT NULL,
    `expire_time` DATETIME(6) NOT NULL,
    `used_by_id` BIGINT,
    `use_time` DATETIME(6),
    PRIMARY KEY (`id`),
    UNIQUE KEY `invitation_code_hash` (`code_hash`),
    KEY `invitation_user_id` (`user_id`),
    KEY `invitation_used_by_id` (`used_by_id`),
    CONSTRAINT `invitation_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `invitation_used_by_id_fk` FOREIGN KEY (`used_by_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS `login_failures` (
    `key` VARCHAR(160) NOT NULL,
    `count` INT NOT NULL,
    `last_time` DATETIME(6) NOT NULL,
    `blocked_until` DATETIME(6) NOT NULL,
    PRIMARY KEY (`key`),
    KEY `login_failures_last_time` (`last_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M!100203 COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */;
